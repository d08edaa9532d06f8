#include <doctest/doctest.h>

#include "core/io/atomic_file.h"
#include "init/rules.h"

namespace fanin {
namespace {

// These run before any test has registered a scheme of its own: the shelf is taken when the program starts.
const std::vector<const Scheme*> shelf = schemes();

TEST_CASE("the README's table of schemes is the registry's") {
  const std::string readme = read_file("init/README.md");
  const std::string table = scheme_table(shelf);
  if (readme.find(table) == std::string::npos) MESSAGE("the table in init/README.md should be:\n" << table);
  CHECK(readme.find(table) != std::string::npos);
}

TEST_CASE("the README names every set of rules, and every set can be read") {
  const std::string readme = read_file("init/README.md");
  for (const NamedRules& set : named_rules()) {
    CAPTURE(set.name);
    CHECK(readme.find("`" + std::string(set.name) + "`") != std::string::npos);
    CHECK(readme.find(std::string(set.text)) != std::string::npos);
    CHECK_FALSE(parse_rules(set.name).rules.empty());
  }
}

TEST_CASE("every name of torch.nn.init is on the shelf") {
  for (const char* name :
       {"uniform", "normal", "constant", "ones", "zeros", "eye", "dirac", "xavier_uniform", "xavier_normal",
        "kaiming_uniform", "kaiming_normal", "trunc_normal", "orthogonal", "sparse"})
    CHECK_NOTHROW(find_scheme(name));
}

}  // namespace
}  // namespace fanin
