/* SPDX-License-Identifier: MIT */
/* scenarios.c: the list; they are in *_explore.c beside the code. */
#include "core/rcu.h"
#include "test/explore/explore.h"

#define ALL(F)									\
	F(exec_sleep_wake) F(exec_double_wake) F(exec_irq) F(exec_irq_other) F(exec_irq_two)	\
	F(exec_steal) F(exec_steal3) F(exec_help) F(exec_help_irq) F(exec_signal) F(exec_meet) F(exec_plain) F(exec_two_irqs) F(exec_full) F(exec_turns)	\
	F(wait_cancel_wake) F(wait_deadline) F(wait_two) F(wait_mutex) F(wait_only_wake) F(wait_handover) F(wait_mutex_early)	\
	F(wait_sem_places) F(wait_sem_handover) F(wait_rwlock)	\
	F(rcu_replace) F(rcu_irq) F(rcu_two) F(rcu_waits) F(rcu_task) F(rcu_counted)	\
	F(chan_bounded) F(chan_close_send) F(chan_close_full) F(chan_two) F(chan_mailbox) F(event_broadcast)	\
	F(event_oneshot) F(wait_any_two) F(seq_lock)

#define DECLARE(s) extern const struct scenario s;
#define LIST(s) &s,
ALL(DECLARE)
const struct scenario *const scenarios[] = { ALL(LIST) NULL };

void watched_irq_enter(struct cpu *c) { irq_enter(c); }
