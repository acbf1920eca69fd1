// master_links.hpp: the connections that a witness without a port makes, one to each master, on
// which that one sends it its messages (common/cluster/link_endpoint.hpp).
//
// A connection that cannot be made, or has ended, is made again after a pause that grows and is
// never the same twice; one on which a master is silent for limits::link_idle_max is given up.
// A master is told from the others by its name, so that one with two addresses gets one connection.
//
// Owner: the thread of the loop. Held by shared_ptr: its coroutines live until stop() has been
// noticed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "common/base/endpoint.hpp"
#include "common/http/channel.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"
#include "tandem/worker.hpp"

namespace tandem {

struct MasterLinksOptions {
  std::string name;                          // of the witness
  std::string token;                         // presented to masters; empty: none
  tls::CurrentCredentialsPtr credentials{};  // null: in clear, and only where that may be
  tls::ClearText clear_text = tls::ClearText::on_this_machine;
  EventLog log;
};

class MasterLinks : public std::enable_shared_from_this<MasterLinks> {
 public:
  // Takes a connection on which a master asks from now on, with what it has said already; calls
  // `ended` when it has ended.
  using Serve = std::function<void(std::shared_ptr<DetachedChannel> connection,
                                   std::string_view unread, std::function<void()> ended)>;

  MasterLinks(boost::asio::io_context& loop, MasterLinksOptions options, Serve serve);

  // That master is there, and no other. A host name is looked up again and again.
  void add(const std::string& node, const Endpoint& control);
  // It has left: what is open ends by itself.
  void remove(const std::string& node);
  void set_token(std::string token) { options_.token = std::move(token); }
  void stop();

 private:
  struct Link;

  boost::asio::awaitable<void> run(std::shared_ptr<MasterLinks> self, std::shared_ptr<Link> link);
  boost::asio::awaitable<std::string> make(std::shared_ptr<Link> link);
  boost::asio::awaitable<std::string> connect(Link& link);
  boost::asio::awaitable<std::string> ask(std::shared_ptr<Link> link);
  void tell(Link& link, const std::string& trouble);

  boost::asio::io_context& loop_;
  MasterLinksOptions options_;
  const Serve serve_;
  std::map<std::string, std::shared_ptr<Link>> links_;
  std::minstd_rand random_;
  bool stopped_ = false;
};

}  // namespace tandem
