// policy_list.hpp: the one list of the balancing policies.
//
// Generated from it: their names, whether a key may follow a colon, the help of --balance, the rows
// of bench-balance, the tests that hold for every policy, and the factory, which calls make_NAME()
// of master/balance. So a new policy is a line here, a file there that defines that function, and a
// test of what it promises.
#pragma once

// POLICY(name, KEY, what it chooses). KEY is `keyed` for a policy that uses a key of the request,
// which may be given as NAME:KEY; otherwise `plain`.
#define TANDEM_POLICIES(POLICY)                                                                  \
  POLICY(round_robin, plain, "workers in turn, by weight")                                       \
  POLICY(random, plain, "a random worker, by weight")                                            \
  POLICY(least_connections, plain, "the worker with the fewest requests relative to its weight") \
  POLICY(p2c, plain, "the better of two random ones, by latency and requests in flight")         \
  POLICY(consistent_hash, keyed, "the same worker for the same key, unless it is overloaded")    \
  POLICY(first_available, plain, "the first worker by name that has room")
