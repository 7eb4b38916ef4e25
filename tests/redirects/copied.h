/*
 * copied.h - what a program and its library share: a class of which the program has a vtable of its own,
 * since it makes its objects by itself; and a table of functions.
 * SPDX-License-Identifier: MIT
 */
#ifdef __cplusplus
struct Copied {
	virtual int answer(int n);
};
#else
struct table {
	long version;
	int (*answer)(void), (*other)(void);
};
extern const struct table t_table;
#endif
