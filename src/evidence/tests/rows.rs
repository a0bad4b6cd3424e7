//! Each row of the shipped table that training runs need, by the evidence that it stands for.

use super::check;

#[test]
fn wills_and_the_runners_own_acts() {
    check("intent stop, signal TERM", "intent-stop");
    check("intent cancel, exit 0", "intent-stop");
    check("intent withdrawn", "intent-stop");
    check("intent drain, exit 75", "preempt-notice");
    check("host preempted, signal KILL", "preempt-notice");
    check("signal TERM, stderr `slurmstepd: error: *** JOB 7 ON n1 CANCELLED DUE TO PREEMPTION ***`", "preempt-notice");
    check(
        "signal TERM, stderr `slurmstepd: error: *** JOB 7 ON n1 CANCELLED DUE TO TIME LIMIT ***`",
        "sched-timelimit",
    );
    check("exit 143, stderr `=>> PBS: job killed: walltime 3612 exceeded limit 3600`", "sched-timelimit");
}

#[test]
fn hosts_and_watchers() {
    check("host time-limit, signal TERM", "sched-timelimit");
    check("host rebooted", "host-reboot");
    check("host lost", "supervise-lost");
    check("", "supervise-lost");
}

#[test]
fn hangs_and_limits() {
    check("stalled progress, signal ABRT", "hang-progress");
    check("gpu spinning, stalled progress, signal ABRT", "hang-collective");
    check("stalled exit, signal KILL", "hang-exit");
    check("stalled transfer", "net-stalled");
    check("stalled slow, exit 1", "exit-nonzero");
    check("attempt-timeout, signal TERM", "timeout");
    check("deadline, exit 0", "timeout");
    check("program timeout, exit 124", "timeout");
    check("exit 1, memory-guard", "host-oom-job");
}

#[test]
fn terms_from_outside() {
    check("signal TERM", "preempt-sigterm");
    check("exit 143", "preempt-sigterm");
    check("exit 75", "yielded");
}

#[test]
fn python_before_and_after_the_first_step() {
    check("progress none, exit 1, stderr `ModuleNotFoundError: No module named 'torhc'`", "python-startup");
    check("exit 1, stderr `ImportError: libcudart.so.12: cannot open`", "python-startup");
    check("exit 1, stderr `SyntaxError: invalid syntax`", "python-startup");
    check("progress none, exit 1, stderr `NameError: name 'x' is not defined`", "python-startup");
    check("progress none, exit 1, stderr `TypeError: 'int' object is not callable`", "python-startup");
    check("progress made, exit 1, stderr `ImportError: late`", "python-exception");
    check("progress made, exit 1, stderr `TypeError: late`", "python-exception");
    check("exit 2, stderr `train.py: error: unrecognized arguments: --lrr`", "python-config");
    check("progress none, exit 1, stderr `KeyError: 'lr'`", "python-config");
    check("progress none, exit 1, stderr `FileNotFoundError: [Errno 2] No such file: 'data.npz'`", "python-config");
    check("progress made, exit 1, stderr `FileNotFoundError: [Errno 2] No such file`", "python-exception");
    check("progress unknown, exit 1, stderr `KeyError: 'lr'`", "python-exception");
    check("exit 1, stderr `AssertionError`", "python-exception");
    check("exit 1, stderr `[rank0]: mypkg.errors.OddError: hm`", "python-exception");
    check("exit 1, torch `RuntimeError: shapes do not fit`", "python-exception");
}

#[test]
fn data_numbers_and_checkpoints() {
    check("exit 1, report data-bad-sample shard 7", "data-bad-sample");
    check("exit 1, stderr `PIL.UnidentifiedImageError: cannot identify image file <x>`", "data-bad-sample");
    check("exit 1, stderr `zlib.error: Error -3 while decompressing data`", "data-bad-sample");
    check("exit 1, stderr `ValueError: loss is NaN at step 400`", "numeric-nonfinite");
    check(
        "exit 1, stderr `RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.`",
        "numeric-nonfinite",
    );
    check("exit 1, stderr `FloatingPointError: non-finite gradient norm`", "numeric-nonfinite");
    check("exit 1, stdout `best loss=inf, starting`", "exit-nonzero");
    check(
        "exit 1, stderr `RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory`",
        "ckpt-corrupt",
    );
    check(
        "exit 1, stderr `safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer`",
        "ckpt-corrupt",
    );
    check(
        "exit 1, stderr `RuntimeError: unexpected EOF, expected 400 more bytes. The file might be corrupted.`",
        "ckpt-corrupt",
    );
    check("exit 1, stderr `RuntimeError: Error(s) in loading state_dict for GPT:`", "ckpt-mismatch");
    check("exit 1, stderr `  size mismatch for head.weight: copying a param`", "ckpt-mismatch");
}

#[test]
fn gpus_by_what_the_program_prints() {
    check("exit 1, stderr `torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB`", "gpu-oom-own");
    check(
        "exit 1, stderr `RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate`",
        "gpu-oom-own",
    );
    check("gpu foreign, exit 1, stderr `RuntimeError: CUDA out of memory. Tried …`", "gpu-oom-foreign");
    check("exit 1, stderr `RuntimeError: CUDA error: device-side assert triggered`", "cuda-assert");
    check("xid 43, exit 1, stderr `RuntimeError: CUDA error: device-side assert triggered`", "cuda-assert");
    check("exit 1, stderr `RuntimeError: CUDA error: an illegal memory access was encountered`", "cuda-illegal");
    check("exit 1, stderr `RuntimeError: CUDA error: misaligned address`", "cuda-illegal");
    check("exit 1, stderr `RuntimeError: CUDA error: unspecified launch failure`", "cuda-illegal");
    check("exit 1, stderr `RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable`", "cuda-busy");
    check("exit 1, stderr `Error 802: system not yet initialized`", "cuda-busy");
    check("exit 1, stderr `RuntimeError: No CUDA GPUs are available`", "cuda-env");
    check("exit 1, stderr `RuntimeError: CUDA error: invalid device ordinal`", "cuda-env");
    check("gpu vanished, exit 1, stderr `RuntimeError: No CUDA GPUs are available`", "gpu-lost");
    check("exit 1, stderr `RuntimeError: CUDA error: uncorrectable ECC error encountered`", "gpu-ecc");
    check("exit 1, stderr `Unable to determine the device handle: GPU is lost`", "gpu-lost");
}

#[test]
fn gpus_by_what_the_driver_reports() {
    let groups: &[(&str, &[u32])] = &[
        ("cuda-illegal", &[13, 31, 43]),
        ("gpu-ecc", &[48, 94, 171, 172]),
        ("gpu-reset-needed", &[46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158]),
        ("gpu-lost", &[79]),
        ("gpu-nvlink", &[74, 144, 145, 146, 147, 148, 149, 150]),
        ("gpu-recovery", &[154]),
        (
            "gpu-app",
            &[8, 11, 25, 32, 39, 40, 41, 68, 69, 70, 71, 72, 75, 76, 77, 80, 82, 83, 84, 85, 86, 126, 130, 135],
        ),
    ];
    for (class, numbers) in groups {
        for number in *numbers {
            check(&format!("xid {number}, exit 1"), class);
        }
    }
    for note in [37, 38, 44, 63, 66, 67, 92, 93, 106, 107, 121, 137, 141, 152, 153, 157, 160, 161] {
        check(&format!("xid {note}, exit 1"), "exit-nonzero");
        check(&format!("xid {note}"), "error");
    }
    check("xid 45", "gpu-cleanup");
    check("xid 45, signal KILL", "signal-kill");
    check("xid 45, xid 79, exit 1", "gpu-lost");
    check("gpu needs-reset, exit 1", "gpu-reset-needed");
    check("xid 169, exit 1", "exit-nonzero");
}

#[test]
fn collectives_and_rendezvous() {
    check(
        "signal ABRT, stderr `[rank3]:[E] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7)`",
        "nccl-timeout",
    );
    check("exit 134, stderr `[E] ProcessGroupNCCL's HeartbeatMonitor: Heartbeat monitor timed out!`", "nccl-timeout");
    check(
        "exit 1, stderr `torch.distributed.DistBackendError: NCCL error in: x.cpp:1, ncclSystemError`",
        "nccl-system",
    );
    check(
        "exit 1, stderr `torch.distributed.DistBackendError: NCCL error in: x.cpp:1, ncclRemoteError`",
        "nccl-system",
    );
    check("exit 1, stderr `NCCL WARN Call to recv failed: Connection reset by peer`", "nccl-system");
    check("exit 1, stderr `DistBackendError: NCCL error, ncclInternalError: Internal check failed`", "nccl-internal");
    check("signal SEGV, kernel `python[7]: segfault at 10 ip 00 sp 00 error 4 in libnccl.so.2[7f]`", "nccl-internal");
    check("exit 1, stderr `DistBackendError: NCCL error, ncclInvalidUsage`", "nccl-usage");
    check("exit 1, stderr `DistBackendError: NCCL error, ncclInvalidArgument`", "nccl-usage");
    check(
        "exit 1, stderr `DistBackendError: NCCL error, ncclUnhandledCudaError: Call to CUDA function failed.`",
        "nccl-cuda",
    );
    check(
        "exit 1, stderr `RuntimeError: The server socket has failed to listen (errno: 98 - Address already in use).`",
        "rdzv-port",
    );
    check("exit 1, stderr `torch.distributed.elastic.rendezvous.api.RendezvousTimeoutError`", "rdzv-timeout");
    check(
        "exit 1, stderr `torch.distributed.DistStoreError: Timed out after 301 seconds waiting for clients. 3/4 joined.`",
        "rdzv-timeout",
    );
}

#[test]
fn memory_storage_and_access() {
    check("exit 137, oom own", "host-oom-job");
    check("oom global, signal KILL", "host-oom-global");
    check("exit 1, stderr `RuntimeError: DataLoader worker (pid 91) is killed by signal: Killed.`", "host-oom-job");
    check("signal KILL, kernel `Out of memory: Killed process 4 (python)`", "host-oom-global");
    check("signal BUS", "host-shm");
    check("exit 135", "host-shm");
    check(
        "exit 1, stderr `RuntimeError: DataLoader worker (pid 9) is killed by signal: Bus error. Out of shm?`",
        "host-shm",
    );
    check(
        "exit 1, stderr `ERROR: Unexpected bus error … This might be caused by insufficient shared memory (shm).`",
        "host-shm",
    );
    check("exit 1, stderr `OSError: [Errno 28] No space left on device`", "disk-full");
    check("exit 1, stderr `OSError: [Errno 122] Disk quota exceeded: 'ckpt'`", "disk-full");
    check("exit 1, stderr `OSError: [Errno 116] Stale file handle`", "fs-flaky");
    check("exit 1, stderr `OSError: [Errno 107] Transport endpoint is not connected`", "fs-flaky");
    check("exit 1, stderr `OSError: [Errno 30] Read-only file system: 'x'`", "fs-flaky");
    check("status 401", "auth-denied");
    check("status 403", "auth-denied");
    check("exit 1, stderr `huggingface_hub.errors.GatedRepoError: 403 Client Error.`", "auth-denied");
    check("exit 1, stderr `PermissionError: [Errno 13] Permission denied: '/x'`", "auth-denied");
    check("exit 1, stderr `sh: ./x: Permission denied`", "auth-denied");
}
