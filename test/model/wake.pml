/* SPDX-License-Identifier: MIT */
/*
 * wake.pml: one task, three who wake it, two harts that poll, idle and sleep: no wakeup is lost, it is polled
 * by one hart at a time and queued once.  The names are those of core/exec.c; keep them in step:
 *
 *	wake()		task_wake(), task_requeue()
 *	push()		run_later(), inbox_push(); kick() with its fence
 *	poll		begin() and park(): exchange to RUN, then fetch_sub of RUN
 *	idle		idle(): announce, fence, look, wait; arch_wait() ends when an IPI is pending
 *
 * Memory: stores of the queue and of idle_harts may stay in a hart's buffer (TSO, one entry of each kind) until
 * a fence, or some time; so the two fences matter.  Mutants: -DNO_KICK_FENCE, -DNO_IDLE_FENCE, -DNO_KICK,
 * -DLOOK_FIRST (before announcing), -DLOST (park() stores 0), -DALWAYS_QUEUE (wake() queues whatever the state).
 */
#define HARTS	2
#define WAKERS	2

#define RUN	1
#define WAKE	2
#define DONE	4

byte state;			/* task.state */
byte queued;			/* times the task is in a queue that anyone may take from */
byte flags;			/* what wakers have set */
byte seen;			/* what the task has seen */
byte polling;			/* harts in its main */
bool announced[HARTS];		/* idle_harts */
bool ipi[HARTS];		/* pending */
bool asleep[HARTS];

/* Store buffers: a push that others do not see yet, an announcement likewise. */
byte push_held[HARTS + WAKERS];
bool announce_held[HARTS];

inline drain_push(who) {
	atomic { queued = queued + push_held[who]; push_held[who] = 0 }
}

inline kick(who) {
#ifndef NO_KICK
	atomic {
#ifndef NO_KICK_FENCE
		queued = queued + push_held[who]; push_held[who] = 0;
#endif
		/* load of idle_harts; who is the hart itself looks for itself */
		if
		:: announced[0] && who != 0 -> announced[0] = false; ipi[0] = true
		:: announced[1] && who != 1 -> announced[1] = false; ipi[1] = true
		:: else -> skip
		fi
	}
#else
	skip
#endif
}

inline push(who) {
	push_held[who]++;
	kick(who);
}

inline wake(who, old) {
	d_step { old = state; state = state | WAKE };
	if
#ifdef ALWAYS_QUEUE
	:: !(old & DONE) -> push(who)
#else
	:: old == 0 -> push(who)
#endif
	:: else -> skip
	fi
}

/* Whatever is in a buffer is seen some time. */
active proctype memory() {
end:	do
	:: atomic { push_held[0] -> queued = queued + push_held[0]; push_held[0] = 0 }
	:: atomic { push_held[1] -> queued = queued + push_held[1]; push_held[1] = 0 }
	:: atomic { push_held[2] -> queued = queued + push_held[2]; push_held[2] = 0 }
	:: atomic { push_held[3] -> queued = queued + push_held[3]; push_held[3] = 0 }
	:: atomic { announce_held[0] -> announced[0] = true; announce_held[0] = false }
	:: atomic { announce_held[1] -> announced[1] = true; announce_held[1] = false }
	od
}

proctype waker(byte me) {
	byte old;

	flags++;
	wake(HARTS + me, old)
}

/* The task's main: look; done when it has seen all wakers' flags. */
proctype hart(byte me) {
	byte old;
	bool work, finished;

loop:	do
	:: atomic { queued > 0 -> queued--; drain_push(me) };	/* ring_take(): a CAS */
		d_step {				/* begin() */
			assert(state & WAKE);
			assert(!(state & RUN));
			state = RUN;
			polling++;
			assert(polling == 1)
		};
		seen = flags;
		finished = (seen == WAKERS);
		d_step { polling-- };
		if
		:: finished -> state = DONE
		:: else ->				/* park() */
#ifdef LOST
			d_step { old = RUN; state = 0 };
#else
			d_step { old = state; state = state - RUN };
#endif
			if
			:: old != RUN -> push(me)
			:: else -> skip
			fi
		fi
	:: queued == 0 ->				/* idle() */
#ifdef LOOK_FIRST
		work = (queued + push_held[me] > 0);
#endif
#ifdef NO_IDLE_FENCE
		announce_held[me] = true;
#else
		atomic { announced[me] = true; drain_push(me) };
#endif
#ifndef LOOK_FIRST
		work = (queued + push_held[me] > 0);
#endif
		if
		:: work -> skip
		:: else ->
			asleep[me] = true;
end_sleep:		atomic { ipi[me] -> ipi[me] = false; asleep[me] = false }
		fi;
		atomic { announced[me] = false; announce_held[me] = false; drain_push(me) }
	od
}

/* Sleeping harts are a valid end; a task that has not seen everything is not. */
active proctype watcher() {
end:	atomic {
		timeout -> assert(state & DONE)
	}
}

init {
	atomic { run hart(0); run hart(1); run waker(0); run waker(1) }
}
