// status_set.hpp: answers of a worker after which another one is tried: statuses from 400 to 599,
// and those of gRPC as "grpc:unavailable". Pure.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::wire {

class StatusSet {
 public:
  static constexpr unsigned first = 400;
  static constexpr unsigned last = 599;
  static constexpr unsigned grpc_last = 16;

  // "502,grpc:unavailable"; nothing when `text` is otherwise. Empty: none.
  static std::optional<StatusSet> parse(std::string_view text);
  // What parse() must be given, for sentences.
  static std::string forms();

  static bool admits(unsigned status) { return status >= first && status <= last; }
  // REQUIRES: admits(status)
  void add(unsigned status) { bits_.set(status - first); }
  // "grpc:unavailable"; false: it is none of gRPC's.
  bool add_grpc(std::string_view text);
  bool contains(unsigned status) const { return admits(status) && bits_.test(status - first); }
  // `status`: a number of gRPC's.
  bool contains_grpc(unsigned status) const { return status <= grpc_last && grpc_.test(status); }
  bool has_grpc() const { return grpc_.any(); }
  bool empty() const { return bits_.none() && grpc_.none(); }

  std::vector<unsigned> statuses() const;
  std::vector<std::string> grpc_statuses() const;  // each as add_grpc() reads it
  std::string to_string() const;                   // as parse() reads it

  friend bool operator==(const StatusSet&, const StatusSet&) = default;

 private:
  std::bitset<last - first + 1> bits_;
  std::bitset<grpc_last + 1> grpc_;
};

}  // namespace tandem::wire
