// This process, as /proc knows it (proc(5)).
#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "master/metrics/described.hpp"

namespace tandem::master::metrics {

namespace {

using Kind = Exposition::Kind;

// The words of /proc/self/stat behind the name, which may hold blanks: the third one first.
std::vector<std::string> stat_words() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto behind_name = line.rfind(')');
  if (behind_name == std::string::npos) return {};
  std::istringstream rest(line.substr(behind_name + 1));
  std::vector<std::string> words;
  for (std::string word; rest >> word;) words.push_back(word);
  return words;
}

std::size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::size_t entries = 0;
  while (::readdir(directory) != nullptr) ++entries;
  ::closedir(directory);
  return entries > 3 ? entries - 3 : 0;  // ".", "..", and the directory itself
}

double started_at(double ticks_since_boot, double ticks_per_second) {
  timespec wall{}, since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto boot = static_cast<double>(wall.tv_sec - since_boot.tv_sec);
  return boot + ticks_since_boot / ticks_per_second;
}

}  // namespace

void describe_process(Exposition& out) {
  // Counted from 1 in proc(5), where the third is the first here.
  constexpr std::size_t utime = 14 - 3, stime = 15 - 3, threads = 20 - 3, starttime = 22 - 3,
                        vsize = 23 - 3, rss = 24 - 3;
  const auto words = stat_words();
  if (words.size() <= rss) return;
  const auto number = [&](std::size_t index) { return std::stod(words[index]); };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  out.single(Kind::counter, "process_cpu_seconds_total", "User and system time",
             (number(utime) + number(stime)) / ticks);
  out.single(Kind::gauge, "process_resident_memory_bytes", "Resident memory",
             number(rss) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  out.single(Kind::gauge, "process_virtual_memory_bytes", "Virtual memory", number(vsize));
  out.single(Kind::gauge, "process_threads", "Threads", number(threads));
  out.single(Kind::gauge, "process_start_time_seconds", "When it started, since 1970",
             started_at(number(starttime), ticks));
  out.single(Kind::gauge, "process_open_fds", "Open descriptors",
             static_cast<double>(open_descriptors()));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.single(Kind::gauge, "process_max_fds", "Descriptors that may be open",
               static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace tandem::master::metrics
