// SPDX-License-Identifier: GPL-2.0
#define RES_LOCK
#include "churn.bpf.h"
