/*
 * plug_cxx.c - a plugin in C++ (tests/flags.mk compiles it so): a static object with a constructor
 * and a destructor, an inline variable (STB_GNU_UNIQUE is switched off for it), an exception.
 * SPDX-License-Identifier: MIT
 */
#include <stdexcept>
#include <string>
#include <vector>

#include "linger.h"

extern "C" void host_tell(const char *when, const void *address, int r,
			  const struct linger_info *info);
extern "C" int cxx_throws(int n);
extern "C" {
char anchor;
}

namespace
{
struct teller {
	std::vector<std::string> words{ 100, "a word that is too long for the short string" };

	void tell(const char *when)
	{
		struct linger_info info = { 0, 0, 0 };
		int r = linger_query(&anchor, &info);

		host_tell(when, &anchor, r, &info);
	}
	teller()
	{
		tell("static object's constructor");
	}
	~teller()
	{
		tell("static object's destructor");
	}
};
teller one;
} // namespace

int cxx_throws(int n)
{
	try {
		throw std::runtime_error(one.words.at(0));
	} catch (const std::exception &) {
		n++;
	}
	return n;
}
