/* SPDX-License-Identifier: MIT */
/* OpenMPI between two ranks of one machine, which goes through shared memory. Started by mpirun. */
#include <mpi.h>

#include "../loops.h"

static int other;

static void peer_send(const unsigned char *message, size_t len)
{
    MPI_Send(message, (int)len, MPI_BYTE, other, 0, MPI_COMM_WORLD);
}

static void peer_recv(unsigned char *message, size_t len)
{
    MPI_Recv(message, (int)len, MPI_BYTE, other, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static int launch(int *argc, char ***argv)
{
    int rank;
    int ranks;
    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2)
        bench_die("start me with mpirun -np 2");
    return rank;
}

static void open_side(const struct bench_run *run, int side)
{
    (void)run;
    other = !side;
    MPI_Barrier(MPI_COMM_WORLD);
}

static void close_side(int side)
{
    (void)side;
    MPI_Finalize();
}

int main(int argc, char **argv)
{
    const struct bench_peer peer = {
        .loops = &bench_loops,
        .launch = launch,
        .open = open_side,
        .close = close_side,
    };
    return bench_main(argc, argv, &peer);
}
