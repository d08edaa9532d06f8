#include "init/rules.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/io/sha256.h"
#include "init/schemes.h"
#include "tests/golden/reference_table.h"
#include "tests/scratch_folder.h"

namespace fanin {
namespace {

/// A layer of any type name: rules know layers by type() and by the names of their parts only.
class Layer final : public Module {
 public:
  Layer(std::string type, const Shape& shape, bool with_bias, WeightUse use = {})
      : weight(Tensor::unset(shape)), type_(std::move(type)), use_(use) {
    if (with_bias) bias = Tensor::unset({use.transposed ? shape[1] * use.groups : shape[0]});
  }
  Tensor forward(const Tensor& x) override { return x; }
  void visit(ModuleVisitor& v) override {
    v.parameter("weight", weight);
    if (bias.defined()) v.parameter("bias", bias);
  }
  std::string_view type() const override { return type_; }
  WeightUse weight_use() const override { return use_; }

  Tensor weight, bias;

 private:
  std::string type_;
  WeightUse use_;
};

/// A block whose shortcut PyTorch would make first.
class Net final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x; }
  void visit(ModuleVisitor& v) override {
    v.child("conv1", conv1);
    v.child("bn1", bn1);
    v.child("shortcut", shortcut);
    v.child("classifier", classifier);
  }
  void visit_as_built(ModuleVisitor& v) override {
    v.child("shortcut", shortcut);
    v.child("conv1", conv1);
    v.child("bn1", bn1);
    v.child("classifier", classifier);
  }
  std::string_view type() const override { return "Net"; }

  Layer conv1{"Conv2d", {8, 3, 3, 3}, true};
  Layer bn1{"BatchNorm2d", {8}, true};
  Layer shortcut{"Conv2d", {8, 2, 1, 1}, false, {.groups = 2}};
  Layer classifier{"Linear", {5, 8}, true};
};

std::string message_of(const char* rules) {
  Net net;
  Generator g(0);
  try {
    initialise(net, parse_rules(rules), g);
  } catch (const Error& error) {
    for (const NamedParameter& p : named_parameters(net)) CHECK_FALSE(p.tensor->is_set());
    CHECK(g.state() == Generator(0).state());  // an error draws nothing
    return error.what();
  }
  return "";
}

const InitEntry& entry(const InitReport& report, std::string_view name) {
  return *std::ranges::find(report.parameters, name, &InitEntry::name);
}

std::vector<float> uniform_like(const Tensor& t, Generator& g, double bound) {
  std::vector<float> values(static_cast<std::size_t>(t.numel()));
  g.uniform(values, -bound, bound);
  return values;
}

bool equal(const Tensor& t, const std::vector<float>& values) { return std::ranges::equal(t.data<float>(), values); }

TEST_CASE("pytorch: constructors' draws in the order modules are built") {
  Net net;
  Generator g(42);
  initialise(net, parse_rules("pytorch"), g);
  Generator h(42);
  CHECK(equal(net.shortcut.weight, uniform_like(net.shortcut.weight, h, 1 / std::sqrt(2.0))));
  CHECK(equal(net.conv1.weight, uniform_like(net.conv1.weight, h, 1 / std::sqrt(27.0))));
  CHECK(equal(net.conv1.bias, uniform_like(net.conv1.bias, h, 1 / std::sqrt(27.0))));
  CHECK(equal(net.classifier.weight, uniform_like(net.classifier.weight, h, 1 / std::sqrt(8.0))));
  CHECK(equal(net.classifier.bias, uniform_like(net.classifier.bias, h, 1 / std::sqrt(8.0))));
  CHECK(equal(net.bn1.weight, std::vector<float>(8, 1)));
  CHECK(equal(net.bn1.bias, std::vector<float>(8, 0)));
  CHECK(g.state() == h.state());
}

TEST_CASE("default: PyTorch's bits for plain, grouped and transposed convolutions and linear layers") {
  class Sample final : public Module {
   public:
    Tensor forward(const Tensor& x) override { return x; }
    void visit(ModuleVisitor& v) override {
      v.child("0", conv);
      v.child("1", bn);
      v.child("3", grouped);
      v.child("4", linear);
      v.child("5", transposed);
    }
    std::string_view type() const override { return "Sample"; }
    Layer conv{"Conv2d", {64, 3, 3, 3}, true};
    Layer bn{"BatchNorm2d", {64}, true};
    Layer grouped{"Conv2d", {32, 16, 3, 3}, false, {.groups = 4}};
    Layer linear{"Linear", {11, 7}, true};
    Layer transposed{"ConvTranspose2d", {6, 5, 3, 3}, true, {.groups = 2, .transposed = true}};
  };
  int rows = 0;
  for (const golden::Row& row : golden::reference_rows()) {
    if (!row.quantity.starts_with("net_") || row.paths.front() != Generator::Path::simd) continue;
    CAPTURE(row.line);
    Sample net;
    Generator g(row.seed);
    initialise(net, parse_rules("pytorch"), g);
    for (const NamedParameter& p : named_parameters(net))
      if ("net_" + p.name == row.quantity)
        row.expect<float>({p.tensor->data<float>().begin(), p.tensor->data<float>().end()}), ++rows;
  }
  CHECK(rows == 4 * 7);
}

TEST_CASE("resnext: constructors' draws are consumed, then the classifier, then the state dict in order") {
  Net net;
  Generator g(7);
  const InitReport report = initialise(net, parse_rules("resnext"), g);
  Generator h(7);
  h.discard(16 + 216 + 8 + 40 + 5);
  Tensor linear = Tensor::empty({5, 8});
  Tensor conv = Tensor::empty({8, 3, 3, 3});
  Tensor shortcut = Tensor::empty({8, 2, 1, 1});
  kaiming_normal(linear, h);
  kaiming_normal(conv, h, {.mode = FanMode::fan_out});
  kaiming_normal(shortcut, h, {.mode = FanMode::fan_out});
  CHECK(net.classifier.weight.values() == linear.values());
  CHECK(net.conv1.weight.values() == conv.values());
  CHECK(net.shortcut.weight.values() == shortcut.values());
  CHECK(equal(net.bn1.weight, std::vector<float>(8, 1)));
  for (const Tensor* bias : {&net.conv1.bias, &net.bn1.bias, &net.classifier.bias})
    CHECK(equal(*bias, std::vector<float>(static_cast<std::size_t>(bias->numel()), 0)));

  const InitEntry& e = entry(report, "shortcut.weight");
  CHECK(e.layer == "Conv2d");
  CHECK(e.rule == "Conv*=kaiming_normal:mode=fan_out");
  CHECK(e.fans == Fans{2, 8});
  CHECK(e.aware == Fans{2, 4});
  CHECK(*e.gain == std::sqrt(2.0));
  CHECK(e.expected->std == std::sqrt(2.0) / std::sqrt(8.0));
  CHECK(e.drawn.std == moments(net.shortcut.weight).std);
  CHECK(report.seed == 7);
}

TEST_CASE("torchvision keeps the classifier of the constructor, keras draws Glorot's uniform") {
  Net net;
  Net untouched;
  Generator g(3);
  Generator h(3);
  initialise(net, parse_rules("torchvision"), g);
  initialise(untouched, parse_rules("pytorch"), h);
  CHECK(net.classifier.weight.values() == untouched.classifier.weight.values());
  CHECK(net.classifier.bias.values() == untouched.classifier.bias.values());
  CHECK(net.conv1.bias.values() == untouched.conv1.bias.values());
  CHECK(net.conv1.weight.values() != untouched.conv1.weight.values());

  const InitReport report = initialise(net, parse_rules("keras"), g);
  CHECK(entry(report, "conv1.weight").expected->std == doctest::Approx(std::sqrt(2.0 / (27 + 72))));
  CHECK(entry(report, "conv1.bias").drawn.std == 0);
}

TEST_CASE("the first rule that fits decides; a selector is a type, a type and a name, or a name in the state dict") {
  Net net;
  Generator g(1);
  const InitReport report = initialise(
      net, parse_rules("shortcut.*=3; *.bias=0; Conv*=kaiming_uniform:a=sqrt(5); BatchNorm2d.weight=1; Linear=0.5"), g);
  CHECK(entry(report, "shortcut.weight").rule == "shortcut.*=3");
  CHECK(entry(report, "conv1.weight").rule == "Conv*=kaiming_uniform:a=sqrt(5)");
  CHECK(entry(report, "conv1.bias").rule == "*.bias=0");
  CHECK(entry(report, "bn1.weight").rule == "BatchNorm2d.weight=1");
  CHECK(entry(report, "classifier.weight").drawn.mean == 0.5);
  CHECK(entry(report, "shortcut.weight").drawn.mean == 3);
}

TEST_CASE("a scheme alone goes to every weight with fans; a set's name as an entry brings its entries") {
  Net net;
  Generator g(1);
  InitReport report = initialise(net, parse_rules("kaiming_normal:mode=fan_out,groups=aware"), g);
  CHECK(entry(report, "shortcut.weight").expected->std == std::sqrt(2.0) / std::sqrt(4.0));
  CHECK(entry(report, "classifier.weight").rule == "Linear=kaiming_normal:mode=fan_out,groups=aware");
  CHECK(entry(report, "bn1.weight").drawn.mean == 1);
  CHECK(entry(report, "classifier.bias").drawn.std == 0);
  report = initialise(net, parse_rules("classifier.weight=0; resnext"), g);
  CHECK(entry(report, "classifier.weight").drawn.std == 0);
  CHECK(entry(report, "conv1.weight").rule == "Conv*=kaiming_normal:mode=fan_out");
}

TEST_CASE("rules in JSON are the rules in text") {
  const std::string json = R"({"rules": [{"select": "*.bias", "scheme": 0},
      {"select": "Conv*", "scheme": "kaiming_normal", "mode": "fan_out", "a": 0.2}, {"set": "pytorch"}]})";
  const Rules text = parse_rules("*.bias=0; Conv*=kaiming_normal:mode=fan_out,a=0.2; pytorch");
  const ScratchFolder folder;
  const std::string path = folder / "rules.json";
  std::ofstream(path) << json;
  for (const std::string& source : {json, path}) {
    const Rules rules = parse_rules(source);
    REQUIRE(rules.rules.size() == text.rules.size());
    for (std::size_t i = 0; i < rules.rules.size(); ++i) CHECK(rules.rules[i].text() == text.rules[i].text());
    CHECK(rules.name == "*.bias=0; Conv*=kaiming_normal:mode=fan_out,a=0.2; pytorch");  // what metadata keep
  }
  CHECK_THROWS_AS(parse_rules(folder / "absent.json"), FileError);
  CHECK_THROWS_AS(parse_rules("{\"rules\": [{\"select\": 3}]}"), Error);
  CHECK_THROWS_AS(parse_rules("{\"rules\": "), Error);
  CHECK_THROWS_WITH_AS(parse_rules("[{\"set\": \"pytorhc\"}]"), doctest::Contains("pytorch"), Error);
}

TEST_CASE("errors name entry, parameter, shape and what would do, and leave network and generator alone") {
  const auto contains = [](const std::string& message, std::initializer_list<const char*> words) {
    CAPTURE(message);
    for (const char* word : words) CHECK(message.find(word) != std::string::npos);
  };
  contains(message_of("*.bias=xavier_uniform; pytorch"),
           {"*.bias=xavier_uniform", "conv1.bias", "[8]", "Conv2d", "constant"});
  contains(message_of("Conv*=kaiming_normal; *.bias=0; Linear=xavier_normal"), {"bn1.weight", "[8]", "BatchNorm2d"});
  contains(message_of("classifer.weight=0; pytorch"), {"classifer.weight=0", "classifier.weight"});
  contains(message_of("Conv2D=0; pytorch"), {"Conv2D=0", "Conv2d"});
  contains(message_of("*.bias=0; conv1.bias=1; pytorch"), {"conv1.bias=1", "*.bias=0", "first"});
  contains(message_of("Conv*=kaiming_nromal"), {"kaiming_nromal", "did you mean 'kaiming_normal'"});
  contains(message_of("Conv*=kaiming_normal:mod=fan_in"), {"mod", "did you mean 'mode'"});
  contains(message_of("Conv*=kaiming_normal:mode=fan_avg; pytorch"), {"conv1.weight", "fan_avg", "variance_scaling"});
  contains(message_of("Conv*=kaiming_normal:a=two"), {"a must be a number", "two"});
  contains(message_of("Conv*=kaiming_normal:nonlinearity=gelu; pytorch"), {"gelu", "conv1.weight"});
  contains(message_of("Conv*=constant"), {"constant", "value"});
  contains(message_of("Conv*=ones:value=1"), {"ones", "takes none"});
  contains(message_of("resnex"), {"resnex"});
  contains(message_of("Conv*=normal:std=-1; pytorch"), {"std", "-1"});
  contains(message_of("Conv*=eye; pytorch"), {"conv1.weight", "[8, 3, 3, 3]", "2 dimensions", "dirac"});
  contains(message_of(" ; "), {"empty"});
  contains(message_of(""), {"empty"});
  contains(message_of("=0"), {"no selector"});
  contains(message_of("zero_gamma; resnext"), {"zero_gamma", "does nothing", "BasicBlock.bn2.weight=0"});
}

TEST_CASE("layer_fans lists both conventions for every layer with fans") {
  Net net;
  const std::vector<LayerFans> list = layer_fans(net);
  REQUIRE(list.size() == 3);
  CHECK(list[1].path == "shortcut");
  CHECK(list[1].type == "Conv2d");
  CHECK(list[1].torch == Fans{2, 8});
  CHECK(list[1].aware == Fans{2, 4});
}

TEST_CASE("a scheme of one's own is known to rules, and to the list of schemes") {
  static bool added = false;
  if (!added)
    register_scheme({.name = "halves",
                     .formula = "±1/2",
                     .arguments = {{"sign", "1", "1 or -1"}},
                     .fill = [](const InitTarget& t, const SchemeArguments& a, Generator&) {
                       t.tensor->fill_(a.number("sign") / 2);
                     }});
  added = true;
  Net net;
  Generator g(0);
  initialise(net, parse_rules("halves:sign=-1"), g);
  CHECK(moments(net.conv1.weight).mean == -0.5);
  CHECK(std::ranges::any_of(schemes(), [](const Scheme* s) { return s->name == "halves"; }));
  const auto nothing = [](const InitTarget&, const SchemeArguments&, Generator&) {};
  CHECK_THROWS_AS(register_scheme({.name = "halves", .formula = "", .fill = nothing}), Error);
  CHECK_THROWS_AS(register_scheme({.name = "Has Blanks", .formula = "", .fill = nothing}), Error);
  CHECK_THROWS_AS(register_scheme({.name = "empty", .formula = ""}), Error);
}

TEST_CASE("partial_dirac keeps the constructor's draws in the filters it does not own") {
  Net net;
  Net untouched;
  Generator g(5);
  Generator h(5);
  initialise(net, parse_rules("conv1.weight=partial_dirac; pytorch"), g);
  initialise(untouched, parse_rules("pytorch"), h);
  const std::vector<double> a = net.conv1.weight.values(), b = untouched.conv1.weight.values();
  CHECK(std::equal(a.begin() + 81, a.end(), b.begin() + 81));
  CHECK(a[4] == 1);
  CHECK(net.classifier.weight.values() == untouched.classifier.weight.values());
}

TEST_CASE("every scheme of the shelf fills some parameter of its own accord, with finite numbers") {
  Net net;
  for (const Scheme* scheme : schemes()) {
    CAPTURE(scheme->name);
    if (scheme->unit_variance || scheme->name == "whiten") continue;  // see data_dependent_test.cpp
    std::string call = scheme->name;
    for (const SchemeParameter& p : scheme->arguments)
      if (p.default_value.empty()) call += (call == scheme->name ? ":" : ",") + p.name + "=0.5";
    bool filled = false;
    for (const char* selector : {"conv1.weight", "classifier.weight", "classifier.bias", "shortcut.weight"}) {
      Generator g(1);
      try {
        const InitReport report = initialise(net, parse_rules(std::string(selector) + "=" + call + "; pytorch"), g);
        const Moments drawn = entry(report, selector).drawn;
        CHECK(std::isfinite(drawn.mean));
        CHECK(std::isfinite(drawn.std));
        filled = true;
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find(selector) != std::string::npos);
      }
    }
    CHECK(filled);
    CHECK_FALSE(scheme->formula.empty());
  }
}

TEST_CASE("explain shows every parameter, as a table and as JSON") {
  Net net;
  Generator g(1);
  const InitReport report = initialise(net, parse_rules("resnext"), g);
  const std::string table = report.text();
  CHECK(std::ranges::count(table, '\n') == 2 + 7);
  CHECK(table.find("Conv*=kaiming_normal:mode=fan_out") != std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(report.json());
  REQUIRE(json["parameters"].size() == 7);
  CHECK(json["parameters"][0]["name"] == "conv1.weight");
  CHECK(json["parameters"][0]["fan_out"] == 72);
  CHECK(json["parameters"][4]["fan_out_aware"] == 4);
  CHECK(json["parameters"][0]["expected"]["std"] == doctest::Approx(std::sqrt(2.0 / 72)));
  CHECK(json["seed"] == 1);
}

TEST_CASE("metadata carries seed, rules and a hash per tensor") {
  Net net;
  Generator g(1);
  const InitReport report = initialise(net, parse_rules("resnext"), g);
  const Metadata metadata = init_metadata(report, {{"conv1.weight", net.conv1.weight}, {"bn1.bias", net.bn1.bias}});
  CHECK(metadata.at("init.seed") == "1");
  CHECK(metadata.at("init.rules") == "resnext");
  CHECK(metadata.at("sha256.bn1.bias") == sha256(std::vector<std::byte>(32)));
  CHECK(metadata.at("sha256.conv1.weight").size() == 64);
}

}  // namespace
}  // namespace fanin
