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

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

SignalScope::SignalScope() {
  noted = 0;
  handle(SIGINT, note);
  handle(SIGTERM, note);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

SignalScope::~SignalScope() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
}

bool SignalScope::interrupted() { return noted != 0; }

}  // namespace fanin
