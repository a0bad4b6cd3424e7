//! The words that matchers accept and that evidence is written in: closed lists, each declared once with its text and schema.

/// Declares an enum whose variants are the words that a matcher accepts and that evidence is written in.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$word_about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$word_about])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the word that files and messages use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::evidence::list::Item for $name {
            const ANY: Option<&'static [Self]> = Some(Self::ALL);
            const EXPECTS: &'static str = concat!("`true` (any), one or a list of: ", $crate::evidence::words::words!(@list $($word)+));
        }
    };
    (@list $first:literal $($rest:literal)*) => { concat!($first, $(", ", $rest),*) };
}
pub(super) use words;

words! {
    /// Somebody wanted the attempt to end.
    Intent {
        /// An operator stopped the run.
        Stop = "stop",
        /// An operator cancelled the run, or a newer run replaced it.
        Cancel = "cancel",
        /// What the run was wanted for is gone.
        Withdrawn = "withdrawn",
        /// The daemon makes room for its own end or for maintenance.
        Drain = "drain",
    }
}

words! {
    /// The runner's own act, as matchers name it; stalls have a key of their own.
    ActWord {
        /// The time of one attempt was over.
        AttemptTimeout = "attempt-timeout",
        /// The time of the whole run was over.
        Deadline = "deadline",
        /// The runner's memory guard ended the attempt.
        MemoryGuard = "memory-guard",
        /// The runner ended the attempt by the stop ladder for a reason of its own.
        Stopped = "stopped",
    }
}

words! {
    /// In which way an attempt stood still.
    Stall {
        /// No progress for the limit of its phase.
        Progress = "progress",
        /// A transfer brought no bytes, or too few of them.
        Transfer = "transfer",
        /// The leader had finished, and the process stayed.
        Exit = "exit",
        /// It went on, far below its own pace.
        Slow = "slow",
    }
}

words! {
    /// Whose memory was at its end when the kernel killed a process.
    OomScope {
        /// The limit of the attempt's own cgroup.
        Own = "own",
        /// The machine, or a cgroup around the attempt's.
        Global = "global",
    }
}

words! {
    /// What the driver said of the attempt's GPUs, besides Xid events.
    GpuTrouble {
        /// Processes of others held memory on a GPU that was leased to the attempt.
        Foreign = "foreign",
        /// A leased GPU is no longer there.
        Vanished = "vanished",
        /// The driver asks for a reset.
        NeedsReset = "needs-reset",
        /// The driver asks that the GPU or the node be drained.
        NeedsDrain = "needs-drain",
        /// Full utilisation at nearly idle power: a kernel that spins and waits.
        Spinning = "spinning",
    }
}

words! {
    /// What befell the machine or the watcher under the attempt.
    HostEvent {
        /// The boot id changed: everything from before is over.
        Rebooted = "rebooted",
        /// The capacity was taken back, with or without notice.
        Preempted = "preempted",
        /// The allocation of an outer scheduler ended.
        TimeLimit = "time-limit",
        /// Shim and process are gone, and no record says how it ended.
        Lost = "lost",
    }
}

words! {
    /// Why a program could not be started.
    StartTrouble {
        /// The program or a folder on its way does not exist.
        NotFound = "not-found",
        /// It exists and may not be run.
        NotExecutable = "not-executable",
        /// Arguments and environment are larger than the kernel takes.
        TooBig = "too-big",
        /// The machine was short of something for the moment: processes, memory, descriptors, or the file was being written.
        Busy = "busy",
        /// Anything else.
        Other = "other",
    }
}

impl StartTrouble {
    /// Sorts an errno of a failed start.
    #[must_use]
    pub const fn of_errno(errno: i32) -> Self {
        match errno {
            libc::ENOENT | libc::ENOTDIR => Self::NotFound,
            libc::EACCES | libc::EPERM | libc::ENOEXEC | libc::EISDIR => Self::NotExecutable,
            libc::E2BIG => Self::TooBig,
            libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ETXTBSY => Self::Busy,
            _ => Self::Other,
        }
    }
}

words! {
    /// How a download or a request failed without, or in spite of, an answer.
    TransferError {
        /// The host's name did not resolve.
        Dns = "dns",
        /// No connection came about.
        Connect = "connect",
        /// The TLS handshake broke off.
        Tls = "tls",
        /// The server's certificate is not to be trusted.
        Certificate = "certificate",
        /// The answer did not come in time.
        Timeout = "timeout",
        /// The connection was reset or closed in the middle.
        Reset = "reset",
        /// The body was shorter than announced.
        ShortBody = "short-body",
        /// The answer was no proper HTTP.
        Protocol = "protocol",
        /// Too many redirects, or a circle of them.
        Redirects = "redirects",
        /// A range was refused, or another one came than asked for.
        Range = "range",
        /// The file changed on the server between two requests.
        Changed = "changed",
        /// The bytes are complete and their digest is wrong.
        Digest = "digest",
        /// An answer that is none: wrong type, a truncated document, an empty page where a count said otherwise.
        Implausible = "implausible",
        /// A signed address is no longer valid.
        ExpiredUrl = "expired-url",
        /// An allowance is used up until a time known in advance, or for longer than the run may wait.
        Quota = "quota",
        /// No space for the file.
        DiskFull = "disk-full",
        /// The file could not be written for another reason.
        Disk = "disk",
    }
}
