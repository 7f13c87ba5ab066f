# SPDX-License-Identifier: BSL-1.0
"""Runs the programs of the benchmarks one after the other, and compares what they print: a table on the terminal,
results.json and two plots in build/benchmarks. Run by run.sh, from the top of the repository."""
import argparse
import contextlib
import json
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

OUT = pathlib.Path("build/benchmarks")
PROGRAMS = OUT / "tests" / "benchmarks"
MILLION = 1_000_000
INTERVAL = 5  # seconds: a span of whole ones holds every heartbeat's beat, however their phases lie
LONGEST = 180  # seconds for one program: one that falls behind while it starts its heartbeats may never come to an end


def run(program, *arguments):
    """One program's JSON object; None, said on the terminal, if it failed, did not beat as often as it should, or did
    not end."""
    command = [str(PROGRAMS / program), *map(str, arguments)]
    print("  ", program, *arguments, flush=True)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        print(f"   {program}: not at its end after {LONGEST} s: not counted", file=sys.stderr)
        return None
    if done.returncode != 0:
        print(f"   {program}: exit status {done.returncode}: not counted", file=sys.stderr)
        return None
    return json.loads(done.stdout)


def beating(program, heartbeats, seconds):
    return run(program, "--heartbeats", heartbeats, "--seconds", seconds)


MET = {True: "yes", False: "NO", None: "-"}


class Figures:
    """The rows of the table. A goal is for the ratio to the peer, or for ours where there is no peer; some have none."""

    def __init__(self):
        self.rows = []

    def add(self, name, ours, goal, at_least=False, peer=None, peer_name=None):
        ratio = ours / peer if ours is not None and peer else None
        judged = ratio if peer_name else ours
        met = None if goal is None else judged is not None and (judged >= goal if at_least else judged <= goal)
        self.rows.append({"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
                          "goal": goal, "met": met})

    def add_ratio(self, name, field, ours, peer, peer_name, goal):
        def value(result):
            return result[field] if result else None
        self.add(name, value(ours), goal, peer=value(peer), peer_name=peer_name)

    def show(self):
        def text(value):
            return "-" if value is None else value if isinstance(value, str) else f"{value:.4g}"
        print(f"\n{'figure':32}{'ours':>10}{'peer':>10}{'ratio':>8}{'goal':>8}  met  peer")
        for row in self.rows:
            print(f"{row['name']:32}{text(row['ours']):>10}{text(row['peer']):>10}{text(row['ratio']):>8}"
                  f"{text(row['goal']):>8}  {MET[row['met']]:3}  {row['peer_name'] or ''}")


def medians(results):
    """Of each field, over the runs of one program that counted; None if none did."""
    counted = [result for result in results if result]
    return {field: statistics.median(result[field] for result in counted) for field in counted[0]} if counted else None


def cpu_and_memory(figures, seconds, rounds, with_libuv):
    programs = {"ours": "cpu_per_beat", "asio": "asio_timer", "go": "ticker", "libevent": "libevent_timeout"}
    if with_libuv:
        programs["libuv"] = "libuv_timer"
    results = {name: [] for name in programs}
    for _ in range(rounds):  # taking turns, against the machine's drift
        for name, program in programs.items():
            results[name].append(beating(program, MILLION, seconds))
    peers = {name: medians(each) for name, each in results.items()}
    ours = peers.pop("ours")
    few = beating("cpu_per_beat", 10_000, seconds)
    threads = beating("jthread", 10_000, seconds)
    for name, peer in peers.items():
        goal = 0.1 if name in ("asio", "go") else 1.0
        figures.add_ratio(f"cpu_per_beat_vs_{name}_1m", "cpu_ns_per_beat", ours, peer, name, goal)
    figures.add_ratio("cpu_per_beat_vs_jthread_10k", "cpu_ns_per_beat", few, threads, "jthread", 1.0)
    figures.add("bytes_per_heartbeat", ours["bytes"] if ours else None, 160)
    figures.add_ratio("bytes_vs_asio", "bytes", ours, peers["asio"], "asio", 1.0)
    figures.add_ratio("bytes_vs_go", "bytes", ours, peers["go"], "go", 1.0)
    allocated = run("memory", "--heartbeats", MILLION)
    figures.add("allocations_per_heartbeat", allocated["allocations"] if allocated else None, 1.1)
    figures.add("allocated_bytes_per_heartbeat", allocated["bytes"] if allocated else None, None)


def typedb(figures, rounds, seconds):
    """Against the machine's drift the two take turns, and the medians are compared."""
    results = {"typedb_pulses": [], "grpc_loop": []}
    with subprocess.Popen([str(PROGRAMS / "typedb_server")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as server:  # serves until this block closes its input
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        for _ in range(rounds):
            for program, each in results.items():
                each.append(run(program, "--address", address, "--heartbeats", 2000, "--seconds", seconds))

    figures.add_ratio("typedb_cpu_vs_bare_grpc", "cpu_ns_per_beat", medians(results["typedb_pulses"]),
                      medians(results["grpc_loop"]), "bare gRPC", 1.05)


@contextlib.contextmanager
def etcd_server():
    """The address of an etcd without data, on ports that were free, while the block runs."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with socket.create_server(("127.0.0.1", 0)) as client, socket.create_server(("127.0.0.1", 0)) as peer:
            address, peers = ("%s:%d" % each.getsockname() for each in (client, peer))
        with open(f"{folder}/log", "w+", encoding="utf-8") as log:
            server = subprocess.Popen(
                ["etcd", "--data-dir", f"{folder}/data", "--listen-client-urls", f"http://{address}",
                 "--advertise-client-urls", f"http://{address}", "--listen-peer-urls", f"http://{peers}",
                 "--initial-advertise-peer-urls", f"http://{peers}", "--initial-cluster", f"default=http://{peers}"],
                stdout=log, stderr=subprocess.STDOUT)
            stack.callback(server.wait)
            stack.callback(server.terminate)
            deadline = time.monotonic() + 30
            while "ready to serve client requests" not in pathlib.Path(folder, "log").read_text(encoding="utf-8"):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("etcd does not start:\n" + pathlib.Path(folder, "log").read_text(encoding="utf-8"))
                time.sleep(0.05)
            yield address


def etcd(figures, rounds, counts):
    """They take turns, each with a server of its own: leases that nobody keeps any more would cost the next one's. The
    Go client beats in bursts, each 500 ms; of ours, one has a tick that merges beats too."""
    programs = {"ours": ("etcd_keepalives",), "tick": ("etcd_keepalives", "--tick", 0.25), "go": ("etcd_client",)}
    for count in counts:
        results = {name: [] for name in programs}
        for _ in range(rounds):
            for name, command in programs.items():
                with etcd_server() as address:
                    results[name].append(run(*command, "--address", address, "--heartbeats", count, "--seconds", 5))
        ours, tick, go = (medians(results[name]) for name in programs)
        size = f"{count // 1000}k"
        figures.add_ratio(f"etcd_cpu_vs_go_{size}", "cpu_ns_per_beat", ours, go, "etcd's Go client", 1.0)
        figures.add_ratio(f"etcd_cpu_tick_250ms_vs_go_{size}", "cpu_ns_per_beat", tick, go, "etcd's Go client", 1.0)
        figures.add_ratio(f"etcd_bytes_vs_go_{size}", "bytes", ours, go, "etcd's Go client", 1.0)
        lost = [result["lost"] if result else None for result in results["ours"] + results["tick"]]
        figures.add(f"etcd_leases_lost_{size}", None if None in lost else sum(lost), 0)


def start_and_stop(figures):
    command = [str(PROGRAMS / "start_stop"), "--benchmark_format=json"]
    print("  ", "start_stop", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    rates = {row["threads"]: row["items_per_second"] for row in json.loads(done.stdout)["benchmarks"]}
    figures.add("start_stop_ns", 1e9 / rates[1], 1000)
    figures.add("start_stop_scaling_2_threads", rates[2] / rates[1], 1.6, at_least=True)


def alone(figures, seconds, with_ten_million):
    lateness = run("lateness", 100_000, 1, seconds)
    figures.add("lateness_p99_100k_ms", lateness["p99_ms"] if lateness else None, 2)
    many = None
    if with_ten_million:
        many = run("lateness", 10 * MILLION, 10, 2 * seconds)
        figures.add("ten_million_p999_ms", many["p999_ms"] if many else None, 50)
    sweep = run("sweep", "--heartbeats", MILLION)
    figures.add("sweep_100_of_1m_us", sweep["sweep_us"] if sweep else None, 100)
    idle = run("idle", "--heartbeats", MILLION, "--seconds", seconds)
    figures.add("idle_1m_cpu_percent", idle["cpu_percent"] if idle else None, 0.1)
    merged = run("idle", "--heartbeats", MILLION, "--seconds", seconds, "--tick", 1)
    figures.add("idle_1m_tick_1s_cpu_percent", merged["cpu_percent"] if merged else None, 0.1)
    return lateness, many


def compiled(source):
    """What a compiler spends on a program, and what it makes of it, with no cache in between."""
    program, object_file = OUT / "compiled", OUT / "compiled.o"
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["g++", "-std=c++20", "-O2", "-Iinclude", "-c", source, "-o", object_file], check=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["g++", "-s", object_file, "-o", program, "-pthread"], check=True)
    return {"cpu_s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
            "object_kb": object_file.stat().st_size / 1000, "program_kb": program.stat().st_size / 1000}


def compiling(figures, rounds):
    """The smallest program of a user, and the same made by hand of a std::jthread."""
    sources = {"ours": "examples/first_heartbeat.cpp", "jthread": "tests/benchmarks/peers/first_heartbeat.cpp"}
    print("  ", "g++", *sources.values(), flush=True)
    results = {name: [] for name in sources}
    for _ in range(rounds):
        for name, source in sources.items():
            results[name].append(compiled(source))
    ours, peer = medians(results["ours"]), medians(results["jthread"])
    figures.add_ratio("first_program_compile_cpu_s", "cpu_s", ours, peer, "jthread", None)
    figures.add_ratio("first_program_object_kb", "object_kb", ours, peer, "jthread", None)
    figures.add_ratio("first_program_stripped_kb", "program_kb", ours, peer, "jthread", None)


def named(header):
    """What a compiler spends on a file that does nothing but name a handle."""
    source = f"#include <heartbeat/{header}>\nheartbeat::HeartbeatHandle<int>& handle();\n"
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["g++", "-std=c++20", "-Iinclude", "-fsyntax-only", "-x", "c++", "-"], input=source, text=True,
                   check=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime}


def naming(figures, rounds):
    """A user's header that names a handle: by the names alone, or by all that a handle is made of."""
    print("  ", "g++ fwd.hpp handle.hpp", flush=True)
    results = {"fwd.hpp": [], "handle.hpp": []}
    for _ in range(rounds):
        for header, spent in results.items():
            spent.append(named(header))
    names, whole = medians(results["fwd.hpp"]), medians(results["handle.hpp"])
    figures.add_ratio("named_handle_compile_cpu_s", "cpu_s", names, whole, "handle.hpp", None)


def receiving_side(figures):
    result = run("monitor", "--heartbeats", MILLION)
    for field in ("touch_ns", "expiry_ns", "bytes"):
        figures.add(f"monitor_{field}_1m", result[field] if result else None, None)


def plot(script, output):
    header = f"set terminal svg size 720,420 background rgb 'white'\nset output '{OUT / output}'\nset grid\n"
    subprocess.run(["gnuplot"], input=header + script, text=True, check=True)


def plot_lateness(lateness):
    data = "\n".join(f"{limit} {count}" for limit, count in lateness["buckets"])
    plot("set logscale x\nset xlabel 'sent at most so much later than scheduled, ms'\nset ylabel 'beats'\n"
         "unset key\nset title '100,000 heartbeats at 1 s'\n"
         f"plot '-' using 1:2 with impulses linewidth 6\n{data}\ne\n", "lateness.svg")


def plot_cost(seconds, many):
    lines = {}
    for title, program, most in [("heartbeat", "cpu_per_beat", MILLION), ("Asio", "asio_timer", MILLION),
                                 ("libevent", "libevent_timeout", MILLION), ("libuv", "libuv_timer", MILLION),
                                 ("Go", "ticker", MILLION), ("jthread", "jthread", 10_000)]:
        counts = [count for count in (1_000, 10_000, 100_000, MILLION) if count <= most]
        results = [(count, beating(program, count, seconds)) for count in counts]
        lines[title] = "\n".join(f"{count} {result['cpu_ns_per_beat']}" for count, result in results if result)
    if many:  # two million beats a second are more than the one thread of the default executor sends
        lines["heartbeat"] += f"\n{10 * MILLION} {many['cpu_ns_per_beat']}"
    lines = {title: data for title, data in lines.items() if data}
    plots = ", ".join(f"'-' using 1:2 with linespoints title '{title}'" for title in lines)
    plot("set logscale xy\nset xlabel 'heartbeats, one beat each 5 s (10 million: 10 s)'\nset ylabel 'CPU per beat, ns'\n"
         f"plot {plots}\n" + "".join(f"{data}\ne\n" for data in lines.values()), "cost.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter spans, no run of ten million, no plot of cost")
    quick = parser.parse_args().quick
    figures = Figures()
    compiling(figures, rounds=3 if quick else 9)
    naming(figures, rounds=3 if quick else 9)
    cpu_and_memory(figures, INTERVAL if quick else 2 * INTERVAL, rounds=1 if quick else 3, with_libuv=not quick)
    start_and_stop(figures)
    typedb(figures, rounds=1 if quick else 9, seconds=3 if quick else 6)
    etcd(figures, rounds=1 if quick else 3, counts=(1_000,) if quick else (1_000, 10_000))
    lateness, many = alone(figures, 3 if quick else 20, with_ten_million=not quick)
    receiving_side(figures)
    if lateness:
        plot_lateness(lateness)
    if not quick:
        plot_cost(INTERVAL, many)
    figures.show()
    (OUT / "results.json").write_text(json.dumps(figures.rows, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten: {OUT / 'results.json'} and plots beside it")


if __name__ == "__main__":
    main()
