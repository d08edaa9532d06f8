#include "tools/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "core/io/json.h"

namespace fanin {

namespace {

struct Column {
  std::string_view name;
  double MetricsRow::*value;
};
constexpr std::array columns{Column{"loss", &MetricsRow::loss},
                             Column{"top1", &MetricsRow::top1},
                             Column{"lr", &MetricsRow::lr},
                             Column{"images_per_second", &MetricsRow::images_per_second},
                             Column{"seconds", &MetricsRow::seconds},
                             Column{"train_loss", &MetricsRow::train_loss},
                             Column{"train_top1", &MetricsRow::train_top1},
                             Column{"val_loss", &MetricsRow::val_loss},
                             Column{"val_top1", &MetricsRow::val_top1},
                             Column{"val_top5", &MetricsRow::val_top5}};

std::string csv_header() {
  std::string line = "step,epoch";
  for (const Column& column : columns) line += "," + std::string(column.name);
  return line + "\n";
}

/// Shortest digits that give the number back exactly.
std::string digits(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string csv_line(const MetricsRow& row) {
  std::string line = text(row.step, ",", row.epoch);
  for (const Column& column : columns) line += std::isnan(row.*column.value) ? "," : "," + digits(row.*column.value);
  return line + "\n";
}

std::string jsonl_line(const MetricsRow& row) {
  std::string line = text("{\"step\": ", row.step, ", \"epoch\": ", row.epoch);
  for (const Column& column : columns) {
    const double value = row.*column.value;
    if (!std::isnan(value)) line += text(", \"", column.name, "\": ", std::isfinite(value) ? digits(value) : "null");
  }
  return line + "}\n";
}

std::int64_t step_of(const std::string& line) {
  const std::size_t begin = std::min(line.find_first_of("0123456789"), line.size());
  std::int64_t step = -1;
  std::from_chars(line.data() + begin, line.data() + line.size(), step);
  return step;
}

/// The whole lines of `path` up to step `last`, under `header`.
std::string kept_lines(const std::string& path, const std::string& header, std::int64_t last) {
  std::error_code ignored;
  if (last == 0 || !std::filesystem::exists(path, ignored)) return header;
  const std::string content = read_file(path);
  std::string kept = header;
  for (std::size_t begin = header.size(); begin < content.size();) {
    const std::size_t end = content.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string line = content.substr(begin, end + 1 - begin);
    if (const std::int64_t step = step_of(line); step >= 0 && step <= last) kept += line;
    begin = end + 1;
  }
  return kept;
}

/// Appends `text` and removes from it what was written. Returns the reason if something is left.
std::string append(const std::string& path, std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return std::strerror(errno);
  std::string reason;
  while (!text.empty() && reason.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written > 0)
      text.erase(0, static_cast<std::size_t>(written));
    else if (errno != EINTR)
      reason = std::strerror(errno);
  }
  close(file);
  return reason;
}

}  // namespace

MetricsFiles::MetricsFiles(std::string csv_path, std::string jsonl_path, std::int64_t keep_until)
    : files_{File{std::move(csv_path), {}}, File{std::move(jsonl_path), {}}} {
  write_file(files_[0].path, kept_lines(files_[0].path, csv_header(), keep_until));
  write_file(files_[1].path, kept_lines(files_[1].path, "", keep_until));
}

std::string MetricsFiles::add(const MetricsRow& row) {
  files_[0].waiting += csv_line(row);
  files_[1].waiting += jsonl_line(row);
  std::string reason;
  for (File& file : files_)
    if (std::string failed = append(file.path, file.waiting); !failed.empty()) reason = file.path + ": " + failed;
  return reason;
}

void MetricsFiles::finish() {
  for (File& file : files_) {
    if (file.waiting.empty()) continue;
    const std::string reason = append(file.path, file.waiting);
    check<FileError>(reason.empty(), file.path, ": ", reason);
  }
}

std::vector<MetricsRow> read_metrics(const std::string& jsonl_path) {
  const std::string content = read_file(jsonl_path);
  std::vector<MetricsRow> rows;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const Json line = Json::parse(std::string_view(content).substr(begin, end - begin), jsonl_path);
    MetricsRow row{.step = static_cast<std::int64_t>(line["step"].number()),
                   .epoch = static_cast<std::int64_t>(line["epoch"].number())};
    for (const Column& column : columns) row.*column.value = line[column.name].number(NAN);
    rows.push_back(row);
    begin = end + 1;
  }
  return rows;
}

}  // namespace fanin
