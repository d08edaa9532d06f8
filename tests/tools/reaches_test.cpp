#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

// Trainings that must reach something: minutes, not seconds.

using nlohmann::json;

namespace {

double best_top1(const Folder& folder, const std::string& options) {
  const Ran ran = call(folder, "train --data shapes --val-split 0.1 --seed 1 --json --quiet " + options);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return json::parse(ran.out)["best_top1"].get<double>();
}

}  // namespace

TEST_CASE("the recipe for the built-in shapes reaches more than 90 %, and the test images agree") {
  const Folder folder;
  CHECK(best_top1(folder, "--output run") > 0.9);
  const Ran ran = call(folder, "eval --weights run --split test --json --quiet");
  REQUIRE(ran.code == 0);
  CHECK(json::parse(ran.out)["top1"].get<double>() > 0.9);
}

TEST_CASE("a linear classifier stays far below: the shapes need more than pixels") {
  const Folder folder;
  CHECK(best_top1(folder, "--recipe none --model linear --lr 0.01 --epochs 3 --output run") < 0.3);
}
