// zookeeper_registration.hpp: one session with a server of ZooKeeper, as a conversation, which has
// an ephemeral node for each entry as long as it lasts.
//
// It works in passes: makes the nodes that are missing, reads what is there when that is due, and
// then removes what is no longer wanted: its own nodes, and those of former sessions of its
// cluster once it has made one for the same address. So readers may see an instance twice for a
// moment, and never miss one. A session is never taken up again: one that was lost lasts on for a
// while, and its nodes are such former ones.
//
// Pure. Owner: one call, which ticks it: see limits::publication_tick. Always: what it keeps of
// what a server says is within the limits of sources.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/conversation.hpp"
#include "master/discovery/jute.hpp"
#include "master/discovery/zookeeper_protocol.hpp"
#include "master/publication/publisher.hpp"

namespace tandem::master {

class ZooKeeperRegistration final : public Conversation {
 public:
  struct Terms {
    std::string root;
    std::string credentials{};       // USER:PASSWORD; empty: nobody in particular
    std::int64_t registered_ms = 0;  // since 1970; what the nodes say
    MayPublish may_publish{};        // asked before anything is sent; it is over if it may not
  };
  explicit ZooKeeperRegistration(Terms terms) : terms_(std::move(terms)) {}

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override;
  void feed(std::string_view bytes) override;
  void tick() override;
  bool is_over() const override { return state_ == State::over; }

  // What is to be there from now on.
  void want(Publisher::Wanted wanted);
  // All of that is there, and nothing else of ours.
  bool is_settled() const { return state_ == State::settled; }
  const Publisher::Held& held() const { return held_; }
  // Ends the session, and with it all nodes; or leaves them until the session has expired.
  void close();
  void drop();
  // A few words; empty: it knows of none.
  const std::string& problem() const { return problem_; }

 private:
  enum class State {
    opening,
    making,   // nodes
    reading,  // what is there
    removing,
    settled,
    closing,
    over,
  };
  struct Request {
    enum class Kind { parent, node, list, removal } kind = Kind::list;
    std::string path;
    PublishedEntry entry{};  // of a node
  };

  void take(std::string_view message);
  void take_opening(std::string_view message);
  void take_reply(const Request& request, std::int32_t error, JuteReader reader);
  void take_node(const Request& request, std::int32_t error);
  void take_list(const Request& request, std::int32_t error, JuteReader reader);
  void begin_pass();
  void make_nodes();
  void make_parents(const std::string& service);
  void read_all();
  void remove_others();
  void go_on();
  void next_state();
  void send();
  void send_creation(const Request& request);
  std::string path_of(const PublishedEntry& entry) const;
  void fail(std::string problem);
  void fail_as_strange();

  const Terms terms_;
  State state_ = State::opening;
  zookeeper::MessageStream heard_;
  std::size_t heard_bytes_ = 0;  // of this pass
  std::string words_;            // to be sent
  std::int64_t session_ = 0;
  int ping_ticks_ = 0;    // between two pings
  int ticks_ = 0;         // since the last ping
  int silent_ticks_ = 0;  // since something was heard
  std::int32_t next_request_ = 1;
  std::int32_t next_reply_ = 1;  // they come in order
  std::deque<Request> plan_;     // to be sent
  std::deque<Request> asked_;    // to be answered
  Publisher::Wanted wanted_;
  bool is_wanted_ = false;                      // something was, yet
  bool again_ = false;                          // a pass is due after this one
  int passes_ = 0;                              // since something was wanted, or a second was over
  int review_ticks_ = 0;                        // until everything is to be read
  std::set<std::string> parents_;               // services whose nodes are there
  std::map<PublishedEntry, std::string> made_;  // our nodes: their paths
  std::map<std::string, Endpoint> former_;      // paths of nodes of our cluster's other sessions
  std::set<std::string> refused_;               // paths that somebody else has
  std::set<std::string> own_;                   // paths of made_, while they are read
  std::set<std::string> seen_;                  // those of them that were read
  Publisher::Held held_;
  std::string problem_;
};

}  // namespace tandem::master
