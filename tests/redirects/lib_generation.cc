// lib_generation.cc - one generation of what a REPL compiles: its number is in all that it defines.
// SPDX-License-Identifier: MIT
struct t_thing {
	static int method();
};

int t_thing::method()
{
	return NUMBER;
}

inline __attribute__((noinline)) int t_inlined()
{
	volatile int number = NUMBER; // a static one would be STB_GNU_UNIQUE: one for all

	return number;
}

extern "C" {
int t_number = NUMBER;
int t_value()
{
	return NUMBER;
}
__attribute__((weak)) int t_weak()
{
	return NUMBER;
}
int generation_uses()
{
	return t_inlined();
}
#ifdef WRAPS // which of two that come together its callers get
int t_together()
{
	return NUMBER;
}
int together_gives()
{
	return t_together();
}
#endif
}
