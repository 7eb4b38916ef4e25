// lib_square.cc - a class derived in another library: its vtable has a word for the inherited method.
// SPDX-License-Identifier: MIT
#include "shape.h"

struct t_square : t_shape {
	int sides() override;
};

int t_square::sides()
{
	return 44;
}

static t_square square;
extern "C" t_shape *square_object()
{
	return &square;
}

__attribute__((noinline)) static int call_area(t_shape *volatile s)
{
	return s->area();
}

extern "C" t_shape *shape_object();
extern "C" int area_of_square()
{
	return call_area(&square);
}

extern "C" int area_of_shape()
{
	return call_area(shape_object());
}
