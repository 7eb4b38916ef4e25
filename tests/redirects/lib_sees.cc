// lib_sees.cc - bound to a generation in every way.
// SPDX-License-Identifier: MIT
struct t_thing {
	static int method();
};
int t_inlined();

extern "C" {
extern int t_number;
int t_value();
int t_weak();

static int call()
{
	return t_value() + 0;
}
static int by_got()
{
	int (*volatile f)() = t_value;

	return f();
}
static int data()
{
	return t_number;
}
static int method()
{
	return t_thing::method() + 0;
}
static int weak()
{
	return t_weak() + 0;
}
static int inlined()
{
	return t_inlined() + 0;
}
static int (*word)() = t_value;

extern struct sees {
	int (*call)(), (*by_got)(), (**word)(), (*data)(), (*method)(), (*weak)(), (*inlined)();
} sees_api;
struct sees sees_api = { call, by_got, &word, data, method, weak, inlined };
}
