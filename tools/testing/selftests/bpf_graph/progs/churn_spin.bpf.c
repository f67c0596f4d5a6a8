// SPDX-License-Identifier: GPL-2.0
#include "churn.bpf.h"
