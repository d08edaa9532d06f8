#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "core/nearest.h"
#include "core/threads.h"
#include "core/verify.h"
#include "tools/command.h"

using namespace fanin;

namespace {

const std::vector<Command>& commands() {
  static const std::vector<Command> all{train_command(), eval_command(),    predict_command(), export_command(),
                                        init_command(),  summary_command(), bench_command(),   gradcheck_command(),
                                        data_command(),  inspect_command(), doctor_command()};
  return all;
}

std::string overview() {
  std::string page = "fanin: convolutional networks on the CPU\n\nUsage: fanin COMMAND [options]\n\nCommands:\n";
  for (const Command& command : commands())
    page += text("  ", command.name, std::string(12 - command.name.size(), ' '), command.summary, "\n");
  return page +
         "\nfanin COMMAND --help tells more.\n"
         "Exit codes: 0 done, 1 failed, 2 usage, 3 data or file, 4 diverged, 130 interrupted.\n";
}

void declare(Common& common, Options& options) {
  options.heading("Everywhere");
  options.add("threads", &common.threads, "threads to compute with; 0: all cores this process may use");
  options.add("seed", &common.seed, "of everything drawn at random");
  options.add("backend", &common.backend, "kernels: auto, reference, blas or onednn", "NAME");
  options.add("json", &common.json, "one JSON document on stdout, and nothing else there");
  options.add("quiet", &common.quiet, "no messages but warnings and errors");
  options.keep_out("json");
  options.keep_out("quiet");
}

const Command& find_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Command& command : commands()) {
    if (command.name == name) return command;
    names.push_back(command.name);
  }
  fail<UsageError>("there is no command '", name, "'", did_you_mean(name, names));
}

/// Runs the command; what it throws becomes an exit code and one message.
Outcome run(const std::vector<std::string>& words, Common& common, std::string& name) {
  const auto failed = [&](Exit code, std::string_view message) {
    const std::string who = name.empty() ? "fanin" : "fanin " + name;
    Console::write_error(text(who, ": ", message, "\n"));
    Outcome outcome{.code = code};
    outcome.json.set("error", message).set("exit_code", static_cast<int>(code));
    return outcome;
  };
  try {
    const Command& command = find_command(words[0]);
    name = command.name;
    Options options;
    const Command::Body body = command.declare(options);
    declare(common, options);
    if (!options.parse({words.begin() + 1, words.end()})) {
      Console::write_out(options.help(command.name, command.summary, command.examples));
      common.json = false;
      return {};
    }
    const ComputeScope scope(common);
    Console console(common.json, common.quiet);
    return body(common, console);
  } catch (const FileError& error) {
    return failed(Exit::file, error.what());
  } catch (const StateDictError& error) {
    return failed(Exit::file, error.what());
  } catch (const UsageError& error) {
    return failed(Exit::usage, text(error.what(), "\nfanin ", name, name.empty() ? "" : " ", "--help tells more."));
  } catch (const MismatchError& error) {
    return failed(Exit::failed, error.what());
  } catch (const Error& error) {
    return failed(Exit::usage, error.what());
  } catch (const std::bad_alloc&) {
    return failed(Exit::failed, "out of memory; a smaller --batch-size or --img-size needs less");
  } catch (const std::exception& error) {
    return failed(Exit::failed, error.what());
  }
}

}  // namespace

ComputeScope::ComputeScope(const Common& common)
    : backend_([&] {
        const auto backend = backend_from(common.backend);
        check<UsageError>(backend.has_value(), "--backend: expected auto, reference, blas or onednn, got '",
                          common.backend, "'");
        check<UsageError>(common.threads >= 0, "--threads: expected 0 or more, got ", common.threads);
        set_threads(common.threads == 0 ? available_cores() : static_cast<int>(common.threads));
        return *backend;
      }()) {}

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    words.empty() ? Console::write_error(overview()) : Console::write_out(overview());
    return words.empty() ? static_cast<int>(Exit::usage) : 0;
  }
  if (words[0] == "--version") {
    Console::write_out("fanin " FANIN_VERSION "\n");
    return 0;
  }
  Common common;
  common.json = std::ranges::find(words, "--json") != words.end();  // known even where the options make no sense
  std::string name;
  const Outcome outcome = run(words, common, name);
  if (common.json) Console::write_out(outcome.json.text(true) + "\n");
  return static_cast<int>(outcome.code);
}
