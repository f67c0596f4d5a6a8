/* SPDX-License-Identifier: GPL-2.0 */
/* What moved and its programs agree on. */
#ifndef _MOVED_H
#define _MOVED_H

#define ITEMS 8

#endif
