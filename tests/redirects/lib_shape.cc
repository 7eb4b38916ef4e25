// lib_shape.cc - the class itself.
// SPDX-License-Identifier: MIT
#include "shape.h"

int t_shape::area()
{
	return 40;
}

int t_shape::sides()
{
	return 4;
}

static t_shape shape;
extern "C" t_shape *shape_object()
{
	return &shape;
}
