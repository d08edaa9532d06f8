#include <doctest/doctest.h>

#include <string>

#include "core/io/atomic_file.h"

TEST_CASE("the README shows the example as it is built") {
  const std::string readme = fanin::read_file("README.md");
  const std::string program = fanin::read_file("tools/examples/train_shapes.cpp");
  REQUIRE(program.size() > 500);
  CHECK(readme.find("```cpp\n" + program + "```\n") != std::string::npos);
}
