#include "init/data_dependent.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/ops/conv2d/conv2d.h"
#include "init/rules.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/flatten.h"
#include "layers/linear.h"
#include "layers/relu.h"
#include "layers/sequential.h"

namespace fanin {
namespace {

Tensor noise(const Shape& shape, std::uint64_t seed) {
  Tensor t = Tensor::empty(shape);
  Generator g(seed);
  g.normal(t);
  return t;
}

/// Six convolutions and a classifier, no normalisation.
Sequential plain_net() {
  Sequential net;
  for (int i = 0; i < 6; ++i) {
    net.add("conv" + std::to_string(i), Conv2d(i == 0 ? 3 : 16, 16, {.kernel = 3, .padding = 1}));
    net.add("relu" + std::to_string(i), ReLU());
  }
  net.add("flatten", Flatten());
  net.add("fc", Linear(16 * 8 * 8, 10));
  return net;
}

TEST_CASE("lsuv: every layer's output has unit variance, on the batch and on other data, after one pass each") {
  Sequential net = plain_net();
  const Tensor batch = noise({64, 3, 8, 8}, 1);
  Generator g(2);
  const InitReport report = initialise(net, parse_rules("lsuv"), g, [&] { return batch; });
  REQUIRE(report.rescaled.size() == 7);
  for (const LsuvStep& step : report.rescaled) {
    CAPTURE(step.layer);
    CHECK(step.passes <= 1);  // without biases the variance is quadratic in the scale
    CHECK(step.after == doctest::Approx(1).epsilon(0.05));
    CHECK(step.after == doctest::Approx(step.before * step.factor).epsilon(1e-4));
  }
  std::vector<std::string> paths;
  for (const LsuvStep& step : report.rescaled) paths.push_back(step.layer);
  CHECK(paths.front() == "conv0");
  CHECK(paths.back() == "fc");
  const Tensor other = noise({64, 3, 8, 8}, 3);
  for (const LsuvStep& step : lsuv(net, paths, [&] { return other; }, {.tolerance = 1e9})) {
    CHECK(step.before > 0.9);
    CHECK(step.before < 1.15);
    CHECK(step.passes == 0);
  }
  CHECK(report.text().find("lsuv conv0") != std::string::npos);
}

TEST_CASE("lsuv leaves modes and running statistics as they were, and says what it cannot do") {
  Sequential net;
  net.add("conv", Conv2d(3, 4, {.kernel = 3}));
  net.add("bn", BatchNorm2d(4));
  Generator g(1);
  initialise(net, parse_rules("kaiming_normal"), g);
  std::vector<NamedModule> modules = named_modules(net);
  modules.back().module->train(false);
  const std::vector<double> before = state_dict(net)[4].second.values();
  const Tensor batch = noise({2, 3, 5, 5}, 4);
  lsuv(net, {"conv"}, [&] { return batch; });
  CHECK(net.training());
  CHECK_FALSE(modules.back().module->training());
  CHECK(state_dict(net)[4].second.values() == before);

  const BatchSource source = [&] { return batch; };
  CHECK_THROWS_WITH_AS(lsuv(net, {"absent"}, source), doctest::Contains("absent"), Error);
  CHECK_THROWS_AS(lsuv(net, {"conv"}, {}), Error);
  CHECK_THROWS_AS(lsuv(net, {"conv"}, [&] { return Tensor::zeros({2, 3, 5, 5}); }, {}), NumericError);
  CHECK_THROWS_WITH_AS(initialise(net, parse_rules("lsuv"), g), doctest::Contains("--data"), Error);
}

TEST_CASE("whiten: the filters' answers to the patches are uncorrelated, of unit power, largest directions first") {
  // Smoothed noise: neighbouring pixels agree, so that the patches' moments are far from a multiple of the identity.
  const Tensor rough = noise({40, 3, 12, 12}, 5);
  Tensor images = Tensor::empty({40, 3, 12, 11});
  for (std::size_t i = 0; i < images.data<float>().size(); ++i) {
    const std::size_t at = i / 11 * 12 + i % 11;
    images.mutable_data<float>()[i] = rough.data<float>()[at] + rough.data<float>()[at + 1];
  }
  Tensor weight = Tensor::empty({24, 3, 2, 2});
  const Whitening all = whiten(weight, images, 0);
  const Tensor answers = conv2d(images, weight, {});
  const std::vector<double> y = answers.values();
  const Dim pixels = answers.shape().numel_from(2);
  std::vector<double> moment(24 * 24);
  for (Dim n = 0; n < 40; ++n)
    for (Dim a = 0; a < 24; ++a)
      for (Dim b = 0; b < 24; ++b)
        for (Dim p = 0; p < pixels; ++p)
          moment[static_cast<std::size_t>(a * 24 + b)] += y[static_cast<std::size_t>((n * 24 + a) * pixels + p)] *
                                                          y[static_cast<std::size_t>((n * 24 + b) * pixels + p)] /
                                                          static_cast<double>(40 * pixels);
  for (Dim a = 0; a < 24; ++a)
    for (Dim b = 0; b < 24; ++b) {
      const double expected = a == b ? 1 : a % 12 == b % 12 ? -1 : 0;
      CHECK(std::abs(moment[static_cast<std::size_t>(a * 24 + b)] - expected) < 1e-4);
    }
  const std::vector<double> w = weight.values();
  const auto norm = [&](std::size_t f) {
    double sum = 0;
    for (std::size_t k = 0; k < 12; ++k) sum += w[f * 12 + k] * w[f * 12 + k];
    return sum;
  };
  for (std::size_t f = 0; f + 1 < 12; ++f) CHECK(norm(f) <= norm(f + 1) * (1 + 1e-5));

  // A filter's norm is 1 / √λ: what is reported must be what the filters show.
  CHECK(all.directions == 12);
  CHECK(all.share == doctest::Approx(1));
  CHECK(all.largest == doctest::Approx(1 / norm(0)).epsilon(1e-4));
  CHECK(all.smallest == doctest::Approx(1 / norm(11)).epsilon(1e-4));
  double power = 0, of_five = 0;
  for (std::size_t f = 0; f < 12; ++f) power += 1 / norm(f), of_five += f < 5 ? 1 / norm(f) : 0;
  Tensor few = Tensor::empty({10, 3, 2, 2});
  const Whitening five = whiten(few, images, 0);
  CHECK(five.directions == 5);
  CHECK(five.share == doctest::Approx(of_five / power).epsilon(1e-4));
  CHECK(five.smallest == doctest::Approx(1 / norm(4)).epsilon(1e-4));
}

TEST_CASE("whiten refuses shapes that do not fit") {
  Tensor odd = Tensor::empty({5, 3, 2, 2});
  Tensor many = Tensor::empty({26, 3, 2, 2});
  Tensor fine = Tensor::empty({24, 3, 2, 2});
  CHECK_THROWS_AS(whiten(odd, noise({2, 3, 4, 4}, 1)), ShapeError);
  CHECK_THROWS_AS(whiten(many, noise({2, 3, 4, 4}, 1)), ShapeError);
  CHECK_THROWS_AS(whiten(fine, noise({2, 1, 4, 4}, 1)), ShapeError);
  CHECK_THROWS_AS(whiten(fine, noise({2, 3, 1, 4}, 1)), ShapeError);
  Sequential net;
  net.add("conv", Conv2d(3, 24, {.kernel = 2}));
  Generator g(0);
  const InitReport report = initialise(net, parse_rules("conv.weight=whiten; pytorch"), g, [] {
    return noise({4, 3, 8, 8}, 6);
  });
  CHECK(report.parameters[0].drawn.mean == doctest::Approx(0).epsilon(1e-6));
  CHECK(report.parameters[0].found.starts_with("12 of 12 directions, 100.00% of the patches' power"));
  CHECK(report.text().find("whiten conv.weight: 12 of 12 directions") != std::string::npos);
}

}  // namespace
}  // namespace fanin
