#include "tools/signals.h"

#include <unistd.h>

#include <csignal>

namespace fanin {

namespace {

volatile std::sig_atomic_t noted = 0;

void note(int) {
  if (noted != 0) _exit(130);
  noted = 1;
}

using Handler = void (*)(int);

/// Returns the handler before.
Handler handle(int signal, Handler handler) {
  struct sigaction action {
  }, before{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, &before);
  return before.sa_handler;
}

/// A shell lets programs in the background ignore Ctrl-C, which is meant for another: so it stays.
Handler handle_unless_ignored(int signal, Handler handler) {
  const Handler before = handle(signal, handler);
  if (before == SIG_IGN) handle(signal, SIG_IGN);
  return before;
}

}  // namespace

SignalScope::SignalScope() {
  noted = 0;
  interrupt_ = handle_unless_ignored(SIGINT, note);
  terminate_ = handle_unless_ignored(SIGTERM, note);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

SignalScope::~SignalScope() {
  handle(SIGINT, interrupt_);
  handle(SIGTERM, terminate_);
}

bool SignalScope::interrupted() { return noted != 0; }

}  // namespace fanin
