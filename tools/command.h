#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/backend.h"
#include "core/io/json.h"
#include "tools/console.h"
#include "tools/options.h"

namespace fanin {

/// The program's exit codes.
enum class Exit : int { done = 0, failed = 1, usage = 2, file = 3, diverged = 4, interrupted = 130 };

/// What a command leaves: a document for --json, and the exit code.
struct Outcome {
  Json json = Json::object();
  Exit code = Exit::done;
};

/// Something went wrong while the command was at work, through no fault of its arguments: exit code 1.
class Failure final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Options every command has.
struct Common {
  std::int64_t threads = 0;
  std::uint64_t seed = 0;
  std::string backend = "auto";
  bool json = false;
  bool quiet = false;
};

/// Threads and backend as the options have them, until the end of the scope. Throws UsageError.
class ComputeScope final {
 public:
  explicit ComputeScope(const Common& common);

 private:
  BackendScope backend_;
};

/// One command of the program. `declare` adds its options and returns what runs once they are parsed. Before its
/// first real work a command throws Error for what the options ask wrongly; everything readable it prints through
/// `console`, results with result(), the rest with note(). To add one: its file, a line here and one in main.cpp.
struct Command {
  using Body = std::function<Outcome(const Common&, Console& console)>;

  std::string_view name;
  std::string_view summary;
  std::string_view examples;
  std::function<Body(Options& options)> declare;
};

Command train_command();
Command eval_command();
Command predict_command();
Command export_command();
Command init_command();
Command summary_command();
Command bench_command();
Command gradcheck_command();
Command data_command();
Command inspect_command();
Command doctor_command();

}  // namespace fanin
