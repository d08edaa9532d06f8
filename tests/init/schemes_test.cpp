#include "init/schemes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "init/distributions.h"
#include "init/rules.h"
#include "init/scheme.h"
#include "init/structured.h"
#include "tests/golden/reference_table.h"

namespace fanin {
namespace {

using golden::Row;

std::vector<float> values(const Tensor& t) { return {t.data<float>().begin(), t.data<float>().end()}; }

TEST_CASE("kaiming_normal, xavier_uniform and sparse draw PyTorch's bits") {
  int rows = 0;
  for (const Row& row : golden::reference_rows()) {
    if (row.paths.front() != Generator::Path::simd) continue;
    CAPTURE(row.line);
    Generator g(row.seed);
    Tensor kernel = Tensor::empty({64, 3, 3, 3});
    Tensor matrix = Tensor::empty({20, 6});
    if (row.quantity == "kn")
      kaiming_normal(kernel, g, {.mode = FanMode::fan_out, .nonlinearity = "relu"});
    else if (row.quantity == "xu")
      xavier_uniform(kernel, g);
    else if (row.quantity == "sparse")
      sparse(matrix, g, 0.35);
    else
      continue;
    row.expect<float>(values(row.quantity == "sparse" ? matrix : kernel));
    ++rows;
  }
  CHECK(rows == 3 * 4);
}

TEST_CASE("trunc_normal draws PyTorch's numbers, but for the last digits of libm") {
  int exact = 0;
  int rows = 0;
  for (const Row& row : golden::reference_rows()) {
    if (!row.quantity.starts_with("trunc")) continue;
    CAPTURE(row.line);
    for (const Generator::Path path : row.paths) {
      Tensor t = Tensor::empty({static_cast<Dim>(row.count)});
      Generator g(row.seed, path);
      trunc_normal(t, g, {.std = row.quantity == "trunc" ? 1.0 : 0.02});
      const std::vector<float> drawn = values(t);
      const auto near = [](float got, const std::string& digits) {
        const auto expected = std::bit_cast<float>(static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16)));
        CHECK(std::abs(got - expected) <= 5 * 0x1p-23F * std::abs(expected));
      };
      near(drawn.back(), row.values[0]);
      for (std::size_t i = 0; i + 1 < row.values.size(); ++i) near(drawn[i], row.values[i + 1]);
      exact += sha256(std::as_bytes(std::span(drawn))).starts_with(row.hash);
      ++rows;
    }
  }
  CHECK(rows == 4 * 9 * 2 * 2);
  MESSAGE(exact << " of " << rows << " fills are PyTorch's to the last bit");
}

TEST_CASE("f64 and bf16 tensors: own precision, and f32 rounded") {
  Tensor wide = Tensor::empty({20}, DType::f64);
  Generator g(1);
  normal(wide, g);
  std::vector<double> expected(20);
  Generator(1).normal(expected);
  CHECK(std::ranges::equal(wide.data<double>(), expected));

  Tensor narrow = Tensor::empty({20}, DType::bf16);
  Generator h(1);
  normal(narrow, h);
  std::vector<float> drawn(20);
  Generator(1).normal(drawn);
  for (std::size_t i = 0; i < 20; ++i) CHECK(float(narrow.data<bfloat16>()[i]) == float(bfloat16(drawn[i])));

  Tensor integers = Tensor::empty({20}, DType::i64);
  CHECK_THROWS_AS(normal(integers, g), DTypeError);
}

TEST_CASE("grouped weights: fan_out of one group makes the spread √groups larger") {
  Tensor torch = Tensor::empty({512, 64, 3, 3});
  Tensor aware = Tensor::empty({512, 64, 3, 3});
  Generator g(3);
  kaiming_normal(torch, g, {.mode = FanMode::fan_out});
  kaiming_normal(aware, g, {.mode = FanMode::fan_out, .groups = 8});
  const double n = 512 * 64 * 9;
  CHECK(moments(torch).std == doctest::Approx(std::sqrt(2.0 / (512 * 9))).epsilon(4 / std::sqrt(2 * n)));
  CHECK(moments(aware).std == doctest::Approx(std::sqrt(2.0 / (64 * 9))).epsilon(4 / std::sqrt(2 * n)));
}

TEST_CASE("bad shapes and options are refused with a reason; tensors without elements are left alone") {
  Generator g(0);
  Tensor vector = Tensor::empty({5});
  Tensor none = Tensor::empty({0, 3});
  CHECK_THROWS_WITH_AS(xavier_uniform(vector, g), doctest::Contains("2 dimensions"), ShapeError);
  CHECK_THROWS_WITH_AS(kaiming_normal(vector, g), doctest::Contains("[5]"), ShapeError);
  CHECK_THROWS_WITH_AS(eye(vector), doctest::Contains("2 dimensions"), ShapeError);
  CHECK_THROWS_AS(sparse(vector, g, 0.5), ShapeError);
  CHECK_THROWS_WITH_AS(dirac(none), doctest::Contains("3, 4 or 5"), ShapeError);
  Tensor kernel = Tensor::empty({5, 3, 3, 3});
  CHECK_THROWS_WITH_AS(dirac(kernel, 2), doctest::Contains("divisible"), ShapeError);
  CHECK_THROWS_WITH_AS(kaiming_normal(kernel, g, {.mode = FanMode::fan_avg}), doctest::Contains("fan_avg"), Error);
  CHECK_THROWS_AS(kaiming_normal(kernel, g, {.nonlinearity = "gelu"}), Error);
  CHECK_THROWS_AS(normal(kernel, g, 0, -1), NumericError);
  CHECK_THROWS_AS(trunc_normal(kernel, g, {.std = 0}), NumericError);
  CHECK_THROWS_AS(trunc_normal(kernel, g, {.a = 1, .b = -1}), NumericError);
  Tensor nothing = Tensor::empty({0, 0});
  CHECK_THROWS_AS(xavier_normal(nothing, g), ShapeError);
  const std::string before = g.state();
  kaiming_normal(none, g);
  xavier_uniform(none, g);
  CHECK(g.state() == before);
}

TEST_CASE("moments of every drawn distribution lie within four standard errors at 1e6 draws") {
  struct Case {
    const char* scheme;
    double kurtosis;  // of the distribution: the sample's variance has variance (kurtosis − 1)·σ⁴ / n
    double mean, std;
  };
  // Worked out by hand for fan_in 2000, fan_out 500; those of cut normals by their textbook integrals.
  const Case cases[] = {{"uniform:a=-1,b=3", 1.8, 1, 4 / std::sqrt(12.0)},
                        {"normal:mean=0.5,std=2", 3, 0.5, 2},
                        {"xavier_uniform", 1.8, 0, std::sqrt(2.0 / 2500)},
                        {"xavier_normal", 3, 0, std::sqrt(2.0 / 2500)},
                        {"kaiming_uniform:a=sqrt(5)", 1.8, 0, std::sqrt(2.0 / 6 / 2000)},
                        {"kaiming_normal:mode=fan_out,nonlinearity=tanh", 3, 0, 5.0 / 3 / std::sqrt(500.0)},
                        {"lecun_normal", 3, 0, std::sqrt(1.0 / 2000)},
                        {"lecun_uniform", 1.8, 0, std::sqrt(1.0 / 2000)},
                        {"selu_normal", 3, 0, std::sqrt(1.0 / 2000)},
                        {"variance_scaling:scale=3,mode=fan_avg", 3, 0, std::sqrt(3.0 / 1250)},
                        {"variance_scaling:mode=fan_geo,distribution=normal", 3, 0, std::sqrt(1.0 / 1000)},
                        {"variance_scaling:mode=fan_out,distribution=uniform", 1.8, 0, std::sqrt(1.0 / 500)},
                        {"residual_normal:layers=16", 3, 0, std::sqrt(2.0 / (2000 * 16))},
                        {"trunc_normal:a=-0.5,b=1", 3, 0.2066312, 0.4156600},
                        {"trunc_normal:method=rejection,mean=0.2", 3, 0.1542442, 0.8753316},
                        {"mean_field:q=0.1", 3, 0, std::sqrt(1.17757 / 2000)},
                        {"sparse:sparsity=0.3", 6, 0, 0.01 * std::sqrt(0.7)},
                        {"default", 1.8, 0, std::sqrt(1.0 / 3 / 2000)}};
  struct Linear final : Module {
    Tensor weight = Tensor::empty({500, 2000});
    Tensor forward(const Tensor& x) override { return x; }
    void visit(ModuleVisitor& v) override { v.parameter("weight", weight); }
    std::string_view type() const override { return "Linear"; }
  } layer;
  for (const Case& one : cases) {
    CAPTURE(one.scheme);
    const SchemeCall call = parse_scheme(one.scheme);
    InitTarget target{.name = "weight", .owner = &layer, .tensor = &layer.weight, .weight = layer.weight.shape()};
    Generator g(11);
    if (call.scheme->name == "default") kaiming_uniform(layer.weight, g, {.a = std::sqrt(5.0)});
    call.scheme->fill(target, call.arguments, g);
    const Moments drawn = moments(layer.weight);
    CHECK(std::abs(drawn.mean - one.mean) < 4 * one.std / 1000);
    CHECK(std::abs(drawn.std / one.std - 1) < 4 * std::sqrt((one.kurtosis - 1) / 4) / 1000);
    const Moments expected = call.scheme->expected(target, call.arguments);  // what --explain shows
    CHECK(expected.mean == doctest::Approx(one.mean).epsilon(1e-5));
    CHECK(expected.std == doctest::Approx(one.std).epsilon(1e-5));
  }
}

/// Largest distance between the sample's distribution function and `cdf`.
double kolmogorov_smirnov(std::vector<float> sample, const std::function<double(double)>& cdf) {
  std::ranges::sort(sample);
  double distance = 0;
  const auto n = static_cast<double>(sample.size());
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double p = cdf(sample[i]);
    distance = std::max({distance, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return distance;
}

TEST_CASE("distributions have their shape: Kolmogorov and Smirnov, at one in 10,000") {
  const double limit = 2.23 / std::sqrt(1e6);
  const auto cdf = [](double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); };
  Tensor t = Tensor::empty({1'000'000});
  Generator g(2);
  normal(t, g, 1, 3);
  CHECK(kolmogorov_smirnov(values(t), [&](double x) { return cdf((x - 1) / 3); }) < limit);
  uniform(t, g, -2, 5);
  CHECK(kolmogorov_smirnov(values(t), [&](double x) { return (x + 2) / 7; }) < limit);
  const auto cut = [&](double x) { return (cdf(x) - cdf(-0.5)) / (cdf(2) - cdf(-0.5)); };
  for (const auto method : {TruncNormalOptions::Method::inverse, TruncNormalOptions::Method::rejection}) {
    trunc_normal(t, g, {.a = -0.5, .b = 2, .method = method});
    CHECK(kolmogorov_smirnov(values(t), cut) < limit);
  }
  const auto tail = [&](double x) { return (cdf(x) - cdf(1.5)) / (cdf(3) - cdf(1.5)); };
  trunc_normal(t, g, {.a = 1.5, .b = 3, .method = TruncNormalOptions::Method::rejection});
  CHECK(kolmogorov_smirnov(values(t), tail) < limit);
  // The test has teeth: a standard normal is no uniform one, and 1 % of scale shows.
  normal(t, g, 0, 1.01);
  CHECK(kolmogorov_smirnov(values(t), cdf) > limit);
}

TEST_CASE("the field's schemes by their functions are those by their names") {
  struct Layer final : Module {
    Tensor weight = Tensor::empty({40, 20, 3, 3});
    Tensor forward(const Tensor& x) override { return x; }
    void visit(ModuleVisitor& v) override { v.parameter("weight", weight); }
    std::string_view type() const override { return "Layer"; }
  } layer;
  using Fill = void (*)(Tensor&, Generator&);
  const std::map<std::string, Fill> all{{"lecun_normal", [](Tensor& t, Generator& g) { lecun_normal(t, g); }},
                                        {"lecun_uniform", [](Tensor& t, Generator& g) { lecun_uniform(t, g); }},
                                        {"selu_normal", [](Tensor& t, Generator& g) { selu_normal(t, g); }},
                                        {"residual_normal:layers=9,mode=fan_out",
                                         [](Tensor& t, Generator& g) { residual_normal(t, g, 9, FanMode::fan_out); }},
                                        {"prior_bias:pi=0.2", [](Tensor& t, Generator&) { prior_bias(t, 0.2); }}};
  for (const auto& entry : all) {
    const std::string& name = entry.first;  // Clang 14 captures no structured binding
    CAPTURE(name);
    Tensor direct = Tensor::empty(layer.weight.shape());
    Generator g(5), h(5);
    entry.second(direct, g);
    const SchemeCall call = parse_scheme(name);
    const InitTarget target{.name = "weight", .owner = &layer, .tensor = &layer.weight, .weight = layer.weight.shape()};
    call.scheme->fill(target, call.arguments, h);
    CHECK(values(layer.weight) == values(direct));
  }
  CHECK_THROWS_AS(prior_bias(layer.weight, 1), NumericError);
}

TEST_CASE("erfinv inverts erf") {
  for (double y = -0.999; y < 1; y += 0.001) {
    CHECK(std::erf(erfinv(y, true)) == doctest::Approx(y).epsilon(1e-14));
    CHECK(std::erf(erfinv(static_cast<float>(y), false)) == doctest::Approx(y).epsilon(1e-6));
  }
  CHECK(std::isinf(erfinv(-1.0F, true)));
  CHECK(std::isnan(erfinv(1.5, true)));
}

TEST_CASE("mean_field: the tanh critical line, and what rectifiers ask for") {
  struct Point {
    double q, weight, bias;
  };
  // By quadrature of the two equations in their docstring; (.02592: 1.05, 2.01e-5) is Xiao et al. 2018's.
  const Point line[] = {{0.01, 1.01971, 1.258e-6}, {0.02, 1.03888, 9.527e-6}, {0.05, 1.09363, 1.283e-4},
                        {0.1, 1.17757, 8.323e-4},  {0.25, 1.39396, 8.125e-3}, {0.5, 1.68798, 3.804e-2},
                        {1, 2.15330, 0.1510},      {0.02592, 1.05, 2.01e-5}};
  for (const Point& p : line) {
    const CriticalPoint critical = mean_field_critical("tanh", p.q);
    CHECK(critical.weight_variance == doctest::Approx(p.weight).epsilon(5e-5));
    CHECK(critical.bias_variance == doctest::Approx(p.bias).epsilon(5e-3));
  }
  CHECK(mean_field_critical("relu", 0.7).weight_variance == doctest::Approx(2));
  CHECK(mean_field_critical("relu", 0.7).bias_variance == 0);
  CHECK(mean_field_critical("linear", 3).weight_variance == doctest::Approx(1));
  // E[φ'²] of a smooth ReLU at small q is φ'(0)² = 1/4; ELU's tends to 1.
  for (const char* smooth : {"gelu", "silu"})
    CHECK(mean_field_critical(smooth, 1e-4).weight_variance == doctest::Approx(4).epsilon(1e-3));
  CHECK(mean_field_critical("elu", 1e-6).weight_variance == doctest::Approx(1).epsilon(2e-3));
  CHECK_THROWS_AS(mean_field_critical("sigmoid", 0.1), NumericError);
  CHECK_THROWS_AS(mean_field_critical("tanh", 0), NumericError);
  CHECK_THROWS_WITH_AS(mean_field_critical("tan", 1), doctest::Contains("tanh"), Error);
}

TEST_CASE("prior_bias gives the classes' frequencies back, or a share of positives") {
  struct Head final : Module {
    Tensor bias = Tensor::empty({3});
    Tensor forward(const Tensor& x) override { return x; }
    void visit(ModuleVisitor& v) override { v.parameter("bias", bias); }
    std::string_view type() const override { return "Head"; }
  } head;
  Generator g(1);
  initialise(head, parse_rules("*.bias=prior_bias:pi=0.1"), g);
  for (const double b : head.bias.values()) CHECK(1 / (1 + std::exp(-b)) == doctest::Approx(0.1).epsilon(1e-6));
  Tensor bias = Tensor::empty({3});
  prior_bias(bias, std::vector<double>{1, 2, 5});
  const std::vector<float> b = values(bias);
  const double sum = std::exp(b[0]) + std::exp(b[1]) + std::exp(b[2]);
  CHECK(std::exp(b[2]) / sum == doctest::Approx(5.0 / 8));
  CHECK_THROWS_AS(prior_bias(bias, std::vector<double>{1, 2}), NumericError);
  CHECK_THROWS_AS(prior_bias(bias, std::vector<double>{1, 2, 0}), NumericError);
}

}  // namespace
}  // namespace fanin
