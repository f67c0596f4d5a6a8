/* SPDX-License-Identifier: GPL-2.0 */
/* What beside and its programs agree on. */
#ifndef _BESIDE_H
#define _BESIDE_H

#define ITEMS 12

#endif
