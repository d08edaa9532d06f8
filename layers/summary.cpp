#include "layers/summary.h"

#include <algorithm>
#include <map>

namespace fanin {

std::string summary(Module& root) {
  struct Line {
    std::string name, type, parameters, description;
  };
  std::map<const Module*, Dim> own;
  Dim all = 0, trained = 0;
  for (const NamedParameter& p : named_parameters(root)) {
    own[p.owner] += p.tensor->numel();
    all += p.tensor->numel();
    trained += p.tensor->requires_grad() ? p.tensor->numel() : 0;
  }
  std::vector<Line> lines;
  std::size_t name_width = 0, type_width = 0;
  for (const NamedModule& m : named_modules(root)) {
    const auto depth = static_cast<std::size_t>(m.path.empty() ? 0 : 1 + std::ranges::count(m.path, '.'));
    const std::string name = m.path.empty() ? "(top)" : m.path.substr(m.path.rfind('.') + 1);
    lines.push_back({std::string(2 * depth, ' ') + name, std::string(m.module->type()),
                     own.contains(m.module) ? text(own[m.module]) : "", m.module->describe()});
    name_width = std::max(name_width, lines.back().name.size());
    type_width = std::max(type_width, lines.back().type.size());
  }
  std::string table;
  for (const Line& line : lines) {
    std::string row = line.name + std::string(name_width - line.name.size() + 2, ' ');
    row += line.type + std::string(type_width - line.type.size() + 2, ' ');
    row += std::string(12 - std::min<std::size_t>(line.parameters.size(), 12), ' ') + line.parameters;
    row += "  " + line.description;
    table += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  }
  return table + text(all, " parameters, ", trained, " of them trained\n");
}

}  // namespace fanin
