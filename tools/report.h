#pragma once

#include <string>

namespace fanin {

/// Writes report.html into a run folder, from its args.json, metrics.jsonl and confusion.csv: curves of loss, accuracy
/// and learning rate, the confusion matrix, the options. One file that needs nothing else. Throws FileError.
void write_report(const std::string& folder);

}  // namespace fanin
