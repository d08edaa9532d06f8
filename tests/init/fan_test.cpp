#include "init/fan.h"

#include <doctest/doctest.h>

#include <cmath>

namespace fanin {
namespace {

constexpr FanConvention aware = FanConvention::aware;

TEST_CASE("fans of PyTorch come from the weight's shape alone") {
  CHECK(fans({10, 20}) == Fans{20, 10});
  CHECK(fans({16, 3, 5}) == Fans{15, 80});
  CHECK(fans({64, 3, 3, 3}) == Fans{27, 576});
  CHECK(fans({8, 4, 3, 5, 7}) == Fans{420, 840});
  CHECK(fans({4, 1, 3, 3}, {.groups = 4}) == Fans{9, 36});                       // depthwise
  CHECK(fans({6, 5, 3, 3}, {.groups = 2, .transposed = true}) == Fans{45, 54});  // [in, out / groups, …]
}

TEST_CASE("group-aware fans count what one value really meets") {
  CHECK(fans({10, 20}, {}, aware) == Fans{20, 10});
  CHECK(fans({4, 1, 3, 3}, {.groups = 4}, aware) == Fans{9, 9});
  CHECK(fans({64, 8, 3, 3}, {.groups = 8}, aware) == Fans{72, 72});
  CHECK(fans({6, 5, 3, 3}, {.groups = 2, .transposed = true}, aware) == Fans{27, 45});
}

TEST_CASE("fans need two dimensions and groups that divide") {
  CHECK_THROWS_WITH_AS(fans({7}), doctest::Contains("[7]"), ShapeError);
  CHECK_THROWS_AS(fans(Shape{}), ShapeError);
  CHECK_THROWS_AS(fans({7, 2}, {.groups = 2}, aware), ShapeError);
}

TEST_CASE("modes") {
  const Fans f{20, 5};
  CHECK(fan_of(f, parse_fan_mode("fan_in")) == 20);
  CHECK(fan_of(f, parse_fan_mode("FAN_OUT")) == 5);
  CHECK(fan_of(f, parse_fan_mode("fan_avg")) == 12.5);
  CHECK(fan_of(f, parse_fan_mode("fan_geo")) == 10);
  CHECK_THROWS_WITH_AS(parse_fan_mode("fan_inn"), doctest::Contains("did you mean 'fan_in'"), Error);
}

TEST_CASE("gains are those of torch.nn.init.calculate_gain") {
  for (const char* name :
       {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"})
    CHECK(calculate_gain(name) == 1);
  CHECK(calculate_gain("tanh") == 5.0 / 3);
  CHECK(calculate_gain("relu") == std::sqrt(2.0));
  CHECK(calculate_gain("selu") == 0.75);
  CHECK(calculate_gain("leaky_relu") == std::sqrt(2.0 / (1 + 0.01 * 0.01)));
  CHECK(calculate_gain("leaky_relu", 0.2) == std::sqrt(2.0 / (1 + 0.2 * 0.2)));
  CHECK_THROWS_AS(calculate_gain("gelu"), Error);
  CHECK_THROWS_AS(calculate_gain("leaky_relu", NAN), Error);
}

}  // namespace
}  // namespace fanin
