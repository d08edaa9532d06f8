#include "models/models.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/backend.h"
#include "models/c3d.h"
#include "models/resnext.h"
#include "tests/golden/golden.h"

using namespace fanin;

namespace {

struct Golden {
  std::string name;  // in tests/golden/make_golden.py
  std::string model;
  ModelArguments arguments;
  Shape input;  // empty: names only
};

const std::vector<Golden> all{
    {"resnext29-8x64d", "resnext29-8x64d", {}, {}},
    {"resnext50-32x4d", "resnext50-32x4d", {}, {}},
    {"resnext50-small", "resnext50-32x4d", {{"classes", "5"}}, {2, 3, 45, 33}},
    {"resnet18", "resnet18", {}, {}},
    {"resnet18-small", "resnet18", {{"width", "9"}}, {2, 3, 17, 12}},
    {"lenet", "lenet", {}, {3, 1, 28, 28}},
    {"lenet-colour", "lenet", {{"in_channels", "3"}, {"image_size", "32"}}, {2, 3, 32, 32}},
    {"mlp", "mlp", {}, {3, 1, 28, 28}},
    {"mlp-linear", "linear", {{"in_channels", "3"}, {"image_size", "8"}}, {3, 3, 8, 8}},
    {"plain-batch", "plain", {{"depth", "11"}, {"width", "13"}}, {3, 3, 14, 11}},
    {"plain-none", "plain", {{"depth", "8"}, {"width", "10"}, {"norm", "none"}, {"in_channels", "1"}}, {3, 1, 10, 13}},
    {"c3d", "c3d", {}, {}},
    {"c3d-small",
     "c3d",
     {{"classes", "5"}, {"image_size", "40"}, {"width", "2"}, {"dropout", "0"}},
     {2, 3, 16, 40, 40}},
};

/// The net's part of tests/golden/names.txt: "name parameters", then "  key 3x4" per tensor.
std::string listing(const std::string& name, Module& net) {
  std::string text_ = text(name, ' ', parameter_count(net), '\n');
  for (const auto& [key, tensor] : state_dict(net)) {
    text_ += "  " + key + ' ';
    for (int i = 0; i < tensor.rank(); ++i) text_ += (i ? "x" : "") + std::to_string(tensor.dim(i));
    text_ += tensor.rank() == 0 ? "scalar\n" : "\n";
  }
  return text_;
}

std::string golden_listing(const std::string& name) {
  std::ifstream file("tests/golden/names.txt");
  std::string line;
  std::string found;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line[0] != ' ') inside = line.starts_with(name + ' ');
    if (inside) found += line + '\n';
  }
  return found;
}

/// Length, and product with noise, of every parameter's gradient and the input's: what probe() of make_golden.py lists.
std::vector<double> gradient_numbers(Module& net, const Tensor& x) {
  std::vector<double> numbers;
  const auto add = [&](const std::string& name, const Tensor& g) {
    numbers.push_back(golden::norm(g));
    numbers.push_back(golden::dot(g, golden::noise(name + ".probe", g.shape())));
  };
  for (const NamedParameter& p : named_parameters(net)) add(p.name, p.tensor->grad());
  add("input", x.grad());
  return numbers;
}

}  // namespace

TEST_CASE("names, shapes, order and counts are the published ones") {
  for (const Golden& entry : all) {
    CAPTURE(entry.name);
    const auto net = choose_model(entry.model, entry.arguments).build();
    CHECK(listing(entry.name, *net) == golden_listing(entry.name));
  }
}

TEST_CASE("where only shapes are wanted, a trace says the same, and no weight need be set") {
  const auto described = [](const Trace& trace) {
    std::string lines;
    for (const TraceEntry& e : trace.entries())
      lines += text(e.module, ' ', e.op.name, ' ', e.op.kernel, ' ', e.output.shape, ' ', e.output.dtype, ' ',
                    e.output.layout, '\n');
    return lines;
  };
  const NoGrad no_grad;
  for (const Golden& entry : all)
    for (const bool bf16 : {false, true}) {
      if (entry.input.rank() == 0) continue;
      CAPTURE(entry.name);
      const Autocast autocast(bf16);
      const auto net = choose_model(entry.model, entry.arguments).build();
      net->eval();
      const Tensor x = Tensor::zeros(entry.input);
      for (const NamedParameter& p : named_parameters(*net))
        if (p.tensor->rank() == 1) p.tensor->fill_(1);
      std::string seen;
      {
        const ShapesOnly scope;
        const Trace trace;
        (*net)(x);
        seen = described(trace);
      }
      for (const NamedParameter& p : named_parameters(*net)) {
        CHECK(p.tensor->is_set() == (p.tensor->rank() == 1));
        if (!p.tensor->is_set()) p.tensor->fill_(0);
      }
      const Trace trace;
      (*net)(x);
      CHECK(seen == described(trace));
    }
}

TEST_CASE("every model computes what PyTorch computes, forward and backward, training and evaluation") {
  const StateDict expected = golden::load("models");
  for (const Golden& entry : all) {
    if (entry.input.rank() == 0) continue;
    CAPTURE(entry.name);
    const auto net = choose_model(entry.model, entry.arguments).build();
    to(*net, DType::f64);
    golden::fill(*net);
    Tensor x = golden::noise("input", entry.input).requires_grad_();
    net->eval();
    CHECK(golden::largest_difference((*net)(x), golden::get(expected, entry.name + ".evaluated")) < 1e-8);
    net->train();
    const Tensor logits = (*net)(x);
    CHECK(golden::largest_difference(logits, golden::get(expected, entry.name + ".logits")) < 1e-8);
    backward(logits, golden::noise("cotangent", logits.shape()));
    const std::vector<double> seen = gradient_numbers(*net, x);
    const std::vector<double> wanted = golden::get(expected, entry.name + ".gradients").values();
    REQUIRE(seen.size() == wanted.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(seen[i] - wanted[i]) < 1e-8 * (1 + wanted[i / 2 * 2]));
    }
  }
}

TEST_CASE("parameters of a CifarResNeXt in closed form") {
  for (const Dim C : {1, 4, 8})
    for (const Dim d : {4, 10})
      for (const Dim w : {1, 2}) {
        const Dim n = 2;
        Dim count = 64 * 27 + 128;
        Dim in = 64;
        for (int s = 0; s < 3; ++s) {
          const Dim out = (64 * w) << s;
          const Dim D = C * (d * out / (64 * w));
          if (in != out) count += in * out + 2 * out;
          count += in * D + (n - 1) * out * D + n * (9 * D * D / C + D * out + 4 * D + 2 * out);
          in = out;
        }
        count += in * 10 + 10;
        CifarResNeXt net({.cardinality = C, .depth = 20, .base_width = d, .widen_factor = static_cast<double>(w)});
        CHECK(parameter_count(net) == count);
      }
}

TEST_CASE("parameters of a C3D in closed form, and as published") {
  CHECK(parameter_count(*choose_model("c3d", {{"classes", "101"}}).build()) == 78'409'573);
  for (const Dim w : {1, 3})
    for (const Dim side : {16, 40}) {
      const Dim area = (side / 16 / 2 + 1) * (side / 16 / 2 + 1);
      const Dim convolutions = 27 * (3 * w + (2 + 8 + 16 + 32 + 64 + 64 + 64) * w * w) + (1 + 2 + 4 + 4 + 4 * 8) * w;
      const Dim linears = (8 * w * area + 1) * 64 * w + (64 * w + 1) * 64 * w + (64 * w + 1) * 7;
      C3D net({.classes = 7, .image_size = side, .width = w});
      CHECK(parameter_count(net) == convolutions + linears);
    }
}

TEST_CASE("a C3D leaves out hidden units in training, others in each layer, and none in evaluation") {
  C3D net({.classes = 4, .image_size = 16, .width = 1});
  golden::fill(net);
  const Tensor x = golden::noise("input", {1, 3, 16, 16, 16}).as(DType::f32);
  const NoGrad no_grad;
  net.eval();
  CHECK(golden::largest_difference(net(x), net(x)) == 0);
  net.train();
  const auto zeros = [&](std::uint64_t step) {
    const DropoutScope dropout(1, step);
    std::map<std::string, std::vector<double>> outputs;
    const Trace trace([&](const TraceEntry& entry, const Tensor& y) {
      if (entry.op.name == "dropout") outputs[entry.module] = y.values();
    });
    net(x);
    return outputs;
  };
  const auto seen = zeros(0);
  REQUIRE(seen.size() == 2);
  CHECK(seen == zeros(0));
  CHECK(seen.at("dropout6") != zeros(1).at("dropout6"));
  CHECK(std::ranges::count(seen.at("dropout7"), 0.0) > 16);
}

TEST_CASE("what a model is usually shown") {
  CHECK(choose_model("resnext").usual_input(5) == Shape{5, 3, 32, 32});
  CHECK(choose_model("resnext50-32x4d").usual_input(1) == Shape{1, 3, 224, 224});
  CHECK(choose_model("lenet").usual_input(1) == Shape{1, 1, 28, 28});
  CHECK(choose_model("resnet18", {{"in_channels", "1"}}).usual_input(2, 40) == Shape{2, 1, 40, 40});
  CHECK(choose_model("c3d").usual_input(2) == Shape{2, 3, 16, 112, 112});
}

TEST_CASE("impossible models are refused, with what would do") {
  const auto build = [](const char* model, const ModelArguments& arguments) { choose_model(model, arguments).build(); };
  CHECK_THROWS_WITH_AS(build("resnext", {{"depth", "30"}}), doctest::Contains("nearest are 29 and 38"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"depth", "2"}}), doctest::Contains("11"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"depth", "-7"}}), doctest::Contains("depth"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"widen_factor", "0.3"}}), doctest::Contains("whole"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"widen_factor", "nan"}}), doctest::Contains("whole"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"cardinality", "0"}}), doctest::Contains("cardinality"), ShapeError);
  CHECK_THROWS_WITH_AS(build("resnext", {{"depth", "29.5"}}), doctest::Contains("whole number"), Error);
  CHECK_THROWS_WITH_AS(build("resnext", {{"depth", ""}}), doctest::Contains("whole number"), Error);
  CHECK_THROWS_WITH_AS(build("plain", {{"depth", "1"}}), doctest::Contains("between 2"), ShapeError);
  CHECK_THROWS_WITH_AS(build("plain", {{"norm", "bach"}}), doctest::Contains("did you mean 'batch'"), Error);
  CHECK_THROWS_WITH_AS(build("mlp", {{"depth", "-1"}}), doctest::Contains("depth"), ShapeError);
  CHECK_THROWS_WITH_AS(build("lenet", {{"image_size", "0"}}), doctest::Contains("image_size"), ShapeError);
  CHECK_THROWS_WITH_AS(build("c3d", {{"image_size", "15"}}), doctest::Contains("image_size"), ShapeError);
  CHECK_THROWS_WITH_AS(build("c3d", {{"width", "0"}}), doctest::Contains("width"), ShapeError);
  CHECK_THROWS_WITH_AS(build("c3d", {{"dropout", "1"}}), doctest::Contains("[0, 1)"), NumericError);
  CHECK_THROWS_WITH_AS(build("resnet18", {{"classes", "99999999999999"}}), doctest::Contains("classes"), ShapeError);
}

TEST_CASE("images of another size than a model was built for are refused by name") {
  const auto net = choose_model("lenet").build();
  CHECK_THROWS_WITH_AS((*net)(Tensor::zeros({1, 1, 32, 32})), doctest::Contains("[N, 1, 28, 28]"), ShapeError);
  CHECK_THROWS_WITH_AS((*net)(Tensor::zeros({28, 28})), doctest::Contains("[28, 28]"), ShapeError);
}

TEST_CASE("a C3D refuses what is no clip of its size") {
  C3D net({.image_size = 16, .width = 1});
  CHECK_THROWS_WITH_AS(net(Tensor::zeros({1, 3, 16, 16})), doctest::Contains("clips [N, 3, 16, 16, 16]"), ShapeError);
  CHECK_THROWS_WITH_AS(net(Tensor::zeros({1, 3, 8, 16, 16})), doctest::Contains("[1, 3, 8, 16, 16]"), ShapeError);
}

TEST_CASE("a choice takes arguments from the caller, then the preset, then the data, then the defaults") {
  const ModelChoice plain = choose_model("resnext29-32x4d");
  CHECK(plain.name() == "resnext");
  CHECK(plain.arguments.at("cardinality") == "32");
  CHECK(plain.arguments.at("widen_factor") == "4");
  const ModelArguments data{{"classes", "100"}, {"in_channels", "1"}, {"image_size", "32"}, {"depth", "11"}};
  const ModelChoice suggested = choose_model("resnext29-32x4d", {{"classes", "7"}}, data);
  CHECK(suggested.arguments.at("classes") == "7");
  CHECK(suggested.arguments.at("in_channels") == "1");
  CHECK(suggested.arguments.at("depth") == "29");
  CHECK_FALSE(suggested.arguments.contains("image_size"));
  CHECK(choose_model("lenet", {}, data).arguments.at("image_size") == "32");
}

TEST_CASE("unknown names come with the nearest known one") {
  CHECK_THROWS_WITH_AS(choose_model("resnxt"), doctest::Contains("did you mean 'resnext'"), Error);
  CHECK_THROWS_WITH_AS(choose_model("qqqqqqqqqqq"), doctest::Contains("known are: resnext, "), Error);
  CHECK_THROWS_WITH_AS(choose_model("resnext", {{"widen", "2"}}), doctest::Contains("no argument 'widen'"), Error);
  CHECK_THROWS_WITH_AS(choose_model("lenet", {{"clases", "2"}}), doctest::Contains("'classes'"), Error);
}

TEST_CASE("every preset and every model's defaults can be built") {
  for (const ModelInfo& info : models()) CHECK(parameter_count(*choose_model(info.name).build()) > 0);
  for (const ModelPreset& preset : model_presets()) CHECK(parameter_count(*choose_model(preset.name).build()) > 0);
}
