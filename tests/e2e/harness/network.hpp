// network.hpp: hosts on one machine: a network namespace for each, and a switch between them with
// which the test can cut cables and lose packets.
//
// The switch is a thread that carries frames between the hosts' interfaces, so it only needs
// namespaces, veth and packet sockets of the kernel, and dropped frames are lost silently, as in a
// cut cable. It decides about each frame by its source and destination.
//
// The namespaces have no names: nothing is left when the process ends, however it ends. While the
// object lives, the thread that made it is on a host of its own, "observer", and so are all threads
// and processes that it starts, except those of enter().
//
// Owner: the test's thread. REQUIRES of all: is_permitted().
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace tandem::e2e {

class Switch;

class Network {
 public:
  // Empty when this process may make namespaces; otherwise the reason why not.
  static std::string why_not_permitted();

  // `seed`: of the random numbers that decide which packets are lost.
  Network(const std::vector<std::string>& hosts, unsigned seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // IPv4, without a port: 10.77.0.N, in 10.77.0.0/24. The host is at 1077::N, in 1077::/64, too.
  std::string address(const std::string& host) const;
  // Of its interface, eth0, as text.
  std::string mac(const std::string& host) const;

  // The calling thread is on that host until the object is gone.
  class Visit {
   public:
    explicit Visit(int namespace_file);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    int home_;
  };
  Visit enter(const std::string& host) const;

  // Nothing that `from` sends reaches `to`; the other way is not touched.
  void cut_one_way(const std::string& from, const std::string& to);
  void cut(const std::string& one, const std::string& other);
  void cut_from_all(const std::string& host);  // but the observer
  void lose(double share);                     // of all frames between hosts but the observer
  void heal();                                 // all of the above

 private:
  struct Host;

  std::size_t number_of(const std::string& host) const;

  std::vector<Host> hosts_;
  std::unique_ptr<Switch> switch_;
  std::unique_ptr<Visit> observing_;
};

}  // namespace tandem::e2e
