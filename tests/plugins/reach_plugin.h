/*
 * reach_plugin.h - what the soundness fuzz and its plugin agree on.
 * SPDX-License-Identifier: MIT
 */
#ifndef REACH_PLUGIN_H
#define REACH_PLUGIN_H

#define REACH_WORDS 64
#define REACH_STACK 65536
#define REACH_EXIT 77
#define REACH_TEXT "neither here nor there, and nowhere else, or so it should be"

/* What reach_address() gives. The first also numbers the load. */
enum reach_which {
	REACH_NUMBER,
	REACH_CODE,
	REACH_DATA,
	REACH_RODATA,
	REACH_TLS,
	REACH_LO, /* first and last byte */
	REACH_HI,
	REACH_STACK_AT,
	REACH_KEPT,
	REACH_CALLED,
	REACH_ON_EXIT,
	REACH_WRITTEN,
	REACH_JUMPED,
	REACH_WAIT,
	REACH_ADDRESSES
};

#endif
