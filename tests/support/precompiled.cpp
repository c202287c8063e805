// Gives the precompiled catch.hpp a target to live in; the test binaries reuse it.
#include <catch2/catch.hpp>
