// SPDX-License-Identifier: BSL-1.0
// A program that loads a library with a registry in it, and unloads it: its arguments are what it does, the library's
// file, and `nodelete` if it asks the loader to keep it. Read next: plugins/sessions.cpp, and ../plugins.cpp, which
// says what must come of it.
#include <cstddef>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

class Plugin {
 public:
  Plugin(const std::string& file, int flags)
      : file_{file}, library_{::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | flags)} {
    if (library_ == nullptr) throw std::runtime_error{::dlerror()};
  }

  template <class Function>
  [[nodiscard]] Function* function(const char* name) const {
    void* const address = ::dlsym(library_, name);
    if (address == nullptr) throw std::runtime_error{::dlerror()};
    return reinterpret_cast<Function*>(address);
  }

  void close() {
    if (::dlclose(library_) != 0) throw std::runtime_error{::dlerror()};
  }

  /// After `close`.
  [[nodiscard]] bool is_loaded() const {
    void* const again = ::dlopen(file_.c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (again != nullptr) ::dlclose(again);
    return again != nullptr;
  }

 private:
  const std::string file_;
  void* const library_;
};

/// How many threads of the library there are, by their names.
std::size_t heartbeat_threads() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream comm{entry.path() / "comm"};
    std::string name;
    if (std::getline(comm, name) && name.starts_with("heartbeat")) ++count;
  }
  return count;
}

// One that was joined may be seen for a moment yet.
void wait_for_the_last_thread() {
  while (heartbeat_threads() != 0)
    std::this_thread::yield();
  std::cout << "no thread" << std::endl;
}

void wait_for_a_beat(int (*count_beats)()) {
  const int before = count_beats();
  while (count_beats() == before)
    std::this_thread::yield();
}

void end_close_and_load_again(const std::string& file, int flags) {
  for (int round = 0; round < 3; ++round) {
    Plugin plugin{file, flags};
    int (*const count_beats)() = plugin.function<int()>("count_beats");
    std::cout << (count_beats() == 0 ? "as new" : "as it was") << std::endl;
    plugin.function<void()>("start_sessions")();
    wait_for_a_beat(count_beats);
    plugin.function<void()>("end_sessions")();
    wait_for_the_last_thread();
    plugin.close();
    std::cout << (plugin.is_loaded() ? "loaded" : "unloaded") << std::endl;
  }
}

// The library stays: what was taken from it can be called.
void close_while_it_runs(const std::string& file, int flags) {
  Plugin plugin{file, flags};
  plugin.function<void()>("start_sessions")();
  int (*const count_beats)() = plugin.function<int()>("count_beats");
  plugin.close();
  wait_for_a_beat(count_beats);
  std::cout << "beats go on" << std::endl;
}

void close_when_it_ended_itself(const std::string& file, int flags) {
  Plugin plugin{file, flags};
  plugin.function<void()>("start_sessions")();
  plugin.function<void()>("let_it_end_itself")();
  plugin.close();
  wait_for_the_last_thread();
}

void answer_after_close(const std::string& file, int flags) {
  Plugin plugin{file, flags};
  plugin.function<void()>("ask_and_end")();
  void (*const answer_late)() = plugin.function<void()>("answer_late");
  plugin.close();
  answer_late();
  std::cout << "answered" << std::endl;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::string what = argc > 2 ? argv[1] : "";
  const int flags = argc > 3 && std::string{argv[3]} == "nodelete" ? RTLD_NODELETE : 0;
  try {
    if (what == "end_close_and_load_again") return end_close_and_load_again(argv[2], flags), 0;
    if (what == "close_while_it_runs") return close_while_it_runs(argv[2], flags), 0;
    if (what == "close_when_it_ended_itself") return close_when_it_ended_itself(argv[2], flags), 0;
    if (what == "answer_after_close") return answer_after_close(argv[2], flags), 0;
  } catch (const std::exception& reason) {
    std::cerr << "plugin_host: " << reason.what() << '\n';
    return 1;
  }
  std::cerr << "plugin_host: unknown: '" << what << "'\n";
  return 2;
}
