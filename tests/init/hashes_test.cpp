#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "core/io/sha256.h"
#include "init/rules.h"
#include "models/models.h"

namespace fanin {
namespace {

struct Start {
  std::string network, rules;
  std::uint64_t seed;
  auto operator<=>(const Start&) const = default;
};

using Hashes = std::vector<std::pair<std::string, std::string>>;  // parameter, hash

std::map<Start, Hashes> golden_hashes() {
  std::ifstream file("tests/golden/init_hashes.txt");
  REQUIRE(file);
  std::map<Start, Hashes> all;
  for (std::string line; std::getline(file, line);) {
    Start start;
    std::string name, hash;
    std::istringstream(line) >> start.network >> start.rules >> start.seed >> name >> hash;
    all[start].emplace_back(name, hash);
  }
  return all;
}

std::unique_ptr<Module> build(const std::string& network) {
  const std::map<std::string, ModelArguments> arguments = {
      {"resnext",
       {{"cardinality", "3"}, {"depth", "20"}, {"classes", "7"}, {"base_width", "3"}, {"widen_factor", "0.140625"}}},
      {"resnet18", {{"width", "8"}}},
      {"lenet", {}},
      {"c3d", {{"image_size", "16"}, {"width", "2"}}},
      {"resnext50-32x4d", {}}};
  return choose_model(network, arguments.at(network)).build();
}

TEST_CASE("whole networks start with PyTorch's very numbers: every parameter, every bit") {
  const std::map<Start, Hashes> golden = golden_hashes();
  CHECK(golden.size() == 3 * 7);
  for (const auto& entry : golden) {
    const auto& start = entry.first;
    const auto& hashes = entry.second;
    CAPTURE(start.network);
    CAPTURE(start.rules);
    CAPTURE(start.seed);
    const std::unique_ptr<Module> net = build(start.network);
    Generator generator(start.seed);
    initialise(*net, parse_rules(start.rules), generator);
    const std::vector<NamedParameter> parameters = named_parameters(*net);
    REQUIRE(parameters.size() == hashes.size());
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      CAPTURE(hashes[i].first);
      CHECK(parameters[i].name == hashes[i].first);
      const Tensor& tensor = *parameters[i].tensor;
      CHECK(sha256({tensor.raw_bytes(), tensor.bytes()}).starts_with(hashes[i].second));
    }
  }
}

}  // namespace
}  // namespace fanin
