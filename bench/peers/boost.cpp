/* SPDX-License-Identifier: MIT */
/* Boost.Interprocess: two message_queue objects in shared memory. */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <memory>
#include <string>
#include <unistd.h>

#include "../loops.h"

namespace ipc = boost::interprocess;

static const size_t queued_bytes = 4 * 1024 * 1024; /* as much as mproc's ring holds */

static std::unique_ptr<ipc::message_queue> queues[2];
static ipc::message_queue *in;
static ipc::message_queue *out;

static void peer_send(const unsigned char *message, size_t len)
{
    out->send(message, len, 0);
}

static void peer_recv(unsigned char *message, size_t len)
{
    size_t got;
    unsigned priority;
    in->receive(message, len, got, priority);
}

static void prepare_queues(const struct bench_run *run)
{
    size_t messages = queued_bytes / run->size;
    for (int i = 0; i < 2; i++) {
        std::string name = "mproc-bench-" + std::to_string(getpid()) + "-" + std::to_string(i);
        queues[i].reset(new ipc::message_queue(ipc::create_only, name.c_str(),
                                               messages < 1000 ? messages : 1000, run->size));
        ipc::message_queue::remove(name.c_str());
    }
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    in = queues[side].get();
    out = queues[!side].get();
}

int main(int argc, char **argv)
{
    bench_peer peer = {};
    peer.loops = &bench_loops;
    peer.prepare = prepare_queues;
    peer.open = open_side;
    return bench_main(argc, argv, &peer);
}
