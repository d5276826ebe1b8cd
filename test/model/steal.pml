/* SPDX-License-Identifier: MIT */
/*
 * steal.pml: the ring of a hart: its owner pushes at tail and takes at head, a thief takes half.  Each task that
 * was pushed is taken once.  The names are those of core/exec.c; keep them in step:
 *
 *	push		ring_push(): look at head, store the slot, then tail
 *	take_one	ring_take_one()
 *	take_half	ring_take(): look at head and tail, copy, claim all with one CAS
 *
 * Indices are kept modulo IDX, which stands for 2^32.  The store of a slot may be seen after that of tail if
 * tail is stored without release.  Mutants: -DNO_RELEASE, -DNO_CAS, -DNO_FULL (a full ring is written over).
 */
#define RING	2
#define IDX	8
#define ITEMS	5

byte head, tail;
byte buf[RING];
byte held_slot = 255, held_value;	/* a store of a slot that is not seen yet */
byte taken[ITEMS + 1];
byte count;
bool pushed_all;

#define LEFT(t, h) ((t + IDX - h) % IDX)

inline got(item) {
	d_step {
		assert(item != 0);
		taken[item]++;
		assert(taken[item] == 1);
		count++
	}
}

inline see_slot() {
	d_step {
		if
		:: held_slot != 255 -> buf[held_slot] = held_value; held_slot = 255
		:: else -> skip
		fi
	}
}

active proctype memory() {
end:	do
	:: atomic { held_slot != 255 -> buf[held_slot] = held_value; held_slot = 255 }
	:: count == ITEMS -> break
	od
}

inline take_one(h, t, item, ok) {
	h = head;
	do
	:: t = tail;
		if
		:: h == t -> ok = false; break
		:: else -> skip
		fi;
		item = buf[h % RING];
		atomic {
			if
#ifdef NO_CAS
			:: true -> head = (h + 1) % IDX; ok = true; break
#else
			:: head == h -> head = (h + 1) % IDX; ok = true; break
			:: else -> h = head
#endif
			fi
		}
	od
}

active proctype owner() {
	byte next = 1, h, t, item;
	bool ok;

	do
	:: next <= ITEMS ->
		h = head;
		t = tail;
		if
#ifdef NO_FULL
		:: true ->
#else
		:: LEFT(t, h) == RING -> skip
		:: else ->
#endif
			see_slot();		/* one held store at a time */
			d_step { held_slot = t % RING; held_value = next };
#ifndef NO_RELEASE
			see_slot();
#endif
			tail = (t + 1) % IDX;
			next++
		fi
	:: count < ITEMS ->
		if				/* its own store it sees */
		:: held_slot != 255 -> see_slot()
		:: else -> skip
		fi;
		take_one(h, t, item, ok);
		if
		:: ok -> got(item)
		:: else -> skip
		fi
	:: count == ITEMS -> break
	od
}

active proctype thief() {
	byte h, t, n, i, left;
	byte loot[RING];

	do
	:: count == ITEMS -> break
	:: else ->
		h = head;
again:		t = tail;
		left = LEFT(t, h);
		if
		:: left > RING -> left = 0
		:: else -> skip
		fi;
		n = left - left / 2;
		i = 0;
		do
		:: i < n -> loot[i] = buf[(h + i) % RING]; i++
		:: else -> break
		od;
		if
		:: n == 0 -> skip
		:: else ->
			atomic {
				if
#ifdef NO_CAS
				:: true -> head = (h + n) % IDX
#else
				:: head == h -> head = (h + n) % IDX
				:: else -> h = head; goto again
#endif
				fi
			};
			i = 0;
			do
			:: i < n -> got(loot[i]); i++
			:: else -> break
			od
		fi
	od
}

active proctype thief2() {
	byte h, t, item;
	bool ok;

	do
	:: count == ITEMS -> break
	:: else ->
		take_one(h, t, item, ok);
		if
		:: ok -> got(item)
		:: else -> skip
		fi
	od
}
