// SPDX-License-Identifier: GPL-2.0
#include "owned.bpf.h"
