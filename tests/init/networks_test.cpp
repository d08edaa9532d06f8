#include <doctest/doctest.h>

#include <cmath>

#include "init/rules.h"
#include "init/schemes.h"
#include "layers/apply.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "models/models.h"

namespace fanin {
namespace {

TEST_CASE("zero_gamma: every residual branch of every model starts at 0, projections do not") {
  for (const auto& entry : {std::pair{"resnext29-8x64d", 9}, {"resnext50-32x4d", 16}, {"resnet18", 8}}) {
    const auto& model = entry.first;
    const auto& zeros = entry.second;
    CAPTURE(model);
    const std::unique_ptr<Module> net = choose_model(model).build();
    Generator g(1);
    int found = 0;
    for (const InitEntry& e : initialise(*net, parse_rules("zero_gamma; resnext"), g).parameters)
      if (e.layer == "BatchNorm2d" && e.name.ends_with(".weight") && e.drawn.mean == 0) {
        ++found;
        CHECK(e.name.find("shortcut") == std::string::npos);
        CHECK(e.name.find("downsample") == std::string::npos);
      }
    CHECK(found == zeros);
  }
}

TEST_CASE("the same rules in code, by the layers' own types") {
  const std::unique_ptr<Module> net = choose_model("lenet").build();
  Generator g(4);
  const int matched = apply(
      *net,
      [&](Conv2d& c) {
        kaiming_normal(c.weight, g, {.mode = FanMode::fan_out});
        zeros(c.bias);
      },
      [&](Linear& l) {
        xavier_uniform(l.weight, g);
        constant(l.bias, 0.5);
      });
  CHECK(matched == 5);
  check_all_set(*net);
  const std::vector<NamedParameter> parameters = named_parameters(*net);
  CHECK(moments(*parameters[0].tensor).std == doctest::Approx(std::sqrt(2.0 / (6 * 25))).epsilon(0.3));
  CHECK(moments(*parameters[1].tensor).std == 0);
  CHECK(moments(*parameters[4].tensor).std == doctest::Approx(std::sqrt(2.0 / (400 + 120))).epsilon(0.02));
  CHECK(moments(*parameters[5].tensor).mean == 0.5);
}

}  // namespace
}  // namespace fanin
