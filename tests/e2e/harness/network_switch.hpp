// network_switch.hpp: carries Ethernet frames between interfaces, except those that it is told to
// lose.
//
// Ports are numbered as given; port n leads to the host with the address 02:00:00:00:00:(n+1). The
// last one is the observer's: its frames are not lost by chance.
//
// A thread of its own carries; the functions are for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace tandem::e2e {

class Switch {
 public:
  static constexpr std::size_t ports_max = 16;

  // Opens the interfaces of these names in the calling thread's namespace.
  Switch(const std::vector<std::string>& interfaces, unsigned seed);
  ~Switch();
  Switch(const Switch&) = delete;
  Switch& operator=(const Switch&) = delete;

  // Makes the kernel complete checksums and segmentation before a frame is on that interface, since
  // nothing does it later here.
  static void without_offloads(const std::string& interface);

  void block(std::size_t from, std::size_t to) { blocked_[from][to] = true; }
  void lose(double share) { lost_share_ = share; }
  void heal();

 private:
  void run();
  void carry(std::size_t from);
  void pass(std::size_t from, std::size_t to, std::span<const std::uint8_t> frame);

  std::vector<int> ports_;
  std::array<std::array<std::atomic<bool>, ports_max>, ports_max> blocked_{};
  std::atomic<double> lost_share_{0};
  std::mt19937 random_;  // of the thread
  int stop_;             // an eventfd
  std::thread thread_;
};

}  // namespace tandem::e2e
