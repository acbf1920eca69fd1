// script-test FILE: runs a script and compares what is seen with what the file says. With --rewrite
// the file is given what was seen, so that a change of behaviour shows as a diff.
#include <cstring>
#include <exception>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "tests/script/script_world.hpp"

namespace {

std::string read(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The same script, with what was seen after each verb. Comments and blank lines stay as they are.
std::string run_script(const std::string& text) {
  tandem::script::ScriptWorld world;
  std::istringstream lines(text);
  std::string result;
  bool expecting = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_verb = line.rfind("> ", 0) == 0;
    const bool is_prose = line.empty() || line.front() == '#';
    if (is_verb) {
      result += line + "\n" + world.run(line.substr(2));
      expecting = true;
    } else if (is_prose) {
      result += line + "\n";
      expecting = false;
    } else if (!expecting) {
      throw std::runtime_error("neither a verb, nor a comment, nor what a verb showed: " + line);
    }
  }
  return result;
}

void print_difference(const std::string& expected, const std::string& seen) {
  std::istringstream left(expected), right(seen);
  std::string a, b;
  for (int number = 1;; ++number) {
    const bool more_left = static_cast<bool>(std::getline(left, a));
    const bool more_right = static_cast<bool>(std::getline(right, b));
    if (!more_left && !more_right) return;
    if (more_left && more_right && a == b) continue;
    fmt::print("line {}\n  expected: {}\n  seen:     {}\n", number, more_left ? a : "(end)",
               more_right ? b : "(end)");
    fmt::print("the whole transcript as seen:\n{}", seen);
    return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool rewrite = argc == 3 && std::strcmp(argv[1], "--rewrite") == 0;
  if (argc != 2 && !rewrite) {
    fmt::print("usage: script-test [--rewrite] FILE\n");
    return 2;
  }
  const char* path = argv[argc - 1];
  const std::string expected = read(path);
  if (expected.empty()) {
    fmt::print("{}: cannot be read, or is empty\n", path);
    return 2;
  }
  try {
    const std::string seen = run_script(expected);
    if (rewrite) {
      std::ofstream(path) << seen;
      return 0;
    }
    if (seen == expected) return 0;
    fmt::print("{}\n", path);
    print_difference(expected, seen);
  } catch (const std::exception& error) {
    fmt::print("{}: {}\n", path, error.what());
  }
  return 1;
}
