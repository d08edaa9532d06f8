#pragma once

namespace fanin {

/// Ctrl-C and SIGTERM while it lives: the first one is only noted, so that a training can finish its step and save
/// itself; the second ends the process at once, with 130. Where they
/// are ignored they stay so. A write beyond a size limit or to a closed pipe becomes an
/// error of that write instead of the program's end.
class SignalScope final {
 public:
  SignalScope();
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  static bool interrupted();

 private:
  void (*interrupt_)(int) = nullptr;  // what Ctrl-C did before, and SIGTERM
  void (*terminate_)(int) = nullptr;
};

}  // namespace fanin
