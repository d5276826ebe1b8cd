/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c: a virtio console with several ports (virtio 1.x, section 5.3).  The device
 * announces its ports and their names over a pair of control queues; those named as our ports are
 * bound to them, others are declined or ignored.
 *
 * One task serves control messages and all ports.  Transmit queues ask for no interrupts unless a
 * buffer is still with the device after the kick: with QEMU it hardly ever is.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include "core/log.h"
#include "dev/console.h"
#include "dev/port.h"
#include "dev/virtio.h"
#include "mem/page.h"

enum { LINES = 4 };			/* ports with queues; port 0 is the old console */
enum { CONTROL_IN = 2, CONTROL_OUT = 3, CONTROL_MAX = 32, CONTROL_SIZE = 64, MESSAGES = 8 };
enum { RECEIVE_ORDER = 2, DAEMON_FRAMES = 64 };	/* pages for the receive buffers of a port */

static struct port *const ports[] = { &port_io, &port_ctl };

static struct console {
	struct virtio		*v;
	u32			lines;			/* usable ones */
	struct line { struct virtq in, out; struct port *port; } line[LINES];
	struct virtq		control_in, control_out;
	u8			received[CONTROL_MAX][CONTROL_SIZE];
	struct message { struct virtio_console_control m; bool busy; } message[MESSAGES];
	union { struct task task; u8 room[sizeof(struct task) + DAEMON_FRAMES]; } daemon;
} con;

static u32 in_queue(u32 line) { return line ? 2 * line + 2 : 0; }
static u32 out_queue(u32 line) { return in_queue(line) + 1; }

/* --- sending ---------------------------------------------------------------------------------- */

static bool port_close(struct port *p)
{
	guard(&p->lock);
	if (!p->bound)
		return false;
	p->bound = false;
	p->out.tail = p->out.head;
	p->out.sending = 0;
	wake_all(&p->room);
	return true;
}

/* The port does not work any more: what is written to it is lost, and nobody waits. */
static void port_unbind(struct port *p)
{
	if (!port_close(p))
		return;
	log_error("port %s is gone", p->name);
	if (p->gone)
		p->gone();
}

/* Has the device taken what was sent?  No locks: also for panics. */
static bool port_taken(struct port *p)
{
	u32 written;

	if (!p->out.sending || !virtq_take(p->tx, &written))
		return false;
	p->out.tail += p->out.sending;
	p->out.sending = 0;
	virtq_irq_off(p->tx);
	return true;
}

/* Offer all that is there to the device, in up to two pieces. */
static void port_submit(struct port *p)
{
	struct vseg segs[2];
	u32 n = outring_unsent(&p->out), count = 0, done = 0;

	if (!n || p->out.sending)
		return;
	while (done < n) {
		size_t piece = n - done;
		u8 *at = outring_piece(&p->out, p->out.tail + done, &piece);

		segs[count++] = (struct vseg){ virt_to_phys(at), piece };
		done += piece;
	}
	if (virtq_add(p->tx, segs, count, 0, p))
		return;
	p->out.sending = n;
	if (virtq_must_kick(p->tx))
		virtio_kick(con.v, p->tx_index);
}

void port_flush(struct port *p)
{
	bool taken;

	if (!p->bound)
		return;
	taken = port_taken(p);
	port_submit(p);
	taken |= port_taken(p);
	if (p->out.sending && virtq_irq_on(p->tx))
		taken |= port_taken(p);
	if (taken)
		wake_all(&p->room);
}

void port_wake(void)
{
	if (con.v)
		task_requeue(&con.daemon.task);	/* behind what is hot */
}

/* Wait a while for the device, without interrupts. */
static bool port_settle(struct port *p)
{
	u64 end = arch_ticks() + arch_ticks_hz() / 2;

	while (p->out.sending && arch_ticks() < end)
		if (!port_taken(p))
			arch_relax();
	return !p->out.sending;
}

void port_panic(struct port *p, const char *last, size_t n)
{
	if (!p->bound || !port_settle(p))
		return;
	port_submit(p);
	if (!port_settle(p) || outring_room(&p->out) < n)
		return;
	outring_copy(&p->out, p->out.head, last, n);
	p->out.head += n;
	port_submit(p);
	port_settle(p);
}

/* --- receiving: the task only ----------------------------------------------------------------- */

static void buffer_post(struct port *p, struct port_buffer *b)
{
	struct vseg seg = { virt_to_phys(b->data), b->size };

	virtq_add(p->rx, &seg, 0, 1, b);	/* there is room: it has as many descriptors */
}

/* Hand on one buffer; false: there is none, or the receiver is full. */
static bool buffer_receive(struct port *p)
{
	struct port_buffer *b = p->current;

	if (!b) {
		u32 n = 0;

		b = virtq_take(p->rx, &n);
		if (!b)
			return false;
		b->len = n;
		b->at = 0;
		p->current = b;
	}
	b->at += p->receive(b->data + b->at, b->len - b->at);
	if (b->at < b->len)
		return false;
	p->current = NULL;
	buffer_post(p, b);
	return true;
}

static void port_receive(struct port *p, u32 queue)
{
	bool posted = false;

	p->receive(p->buffer[0].data, 0);	/* what it held back without any bytes */
	while (buffer_receive(p))
		posted = true;
	if (posted && virtq_must_kick(p->rx))
		virtio_kick(con.v, queue);
}

/* --- control messages ------------------------------------------------------------------------- */

static struct message *message_get(void)
{
	struct message *m;
	u32 written;

	while ((m = virtq_take(&con.control_out, &written)))
		m->busy = false;
	for (m = con.message; m < con.message + MESSAGES; m++)
		if (!m->busy)
			return m;
	return NULL;
}

static void control_send(u32 id, u16 event, u16 value)
{
	struct message *m = message_get();
	struct vseg seg;

	if (!m) {
		log_warn("%s: control queue is stuck", con.v->name);
		return;
	}
	m->m = (struct virtio_console_control){ .id = id, .event = event, .value = value };
	seg = (struct vseg){ virt_to_phys(&m->m), sizeof(m->m) };
	if (virtq_add(&con.control_out, &seg, 1, 0, m))
		return;
	m->busy = true;
	if (virtq_must_kick(&con.control_out))
		virtio_kick(con.v, CONTROL_OUT);
}

/* Memory for a port, once. */
static long port_memory(struct port *p)
{
	u32 size = (PAGE_SIZE << RECEIVE_ORDER) / PORT_BUFFERS;
	struct page *out = page_alloc(p->out_order), *in = page_alloc(RECEIVE_ORDER);

	if (!out || !in) {
		if (out)
			page_put(out);
		if (in)
			page_put(in);
		return -ENOMEM;
	}
	p->out.buf = page_virt(out);
	p->out.size = PAGE_SIZE << p->out_order;
	for (u32 i = 0; i < PORT_BUFFERS; i++)
		p->buffer[i] = (struct port_buffer){ (u8 *)page_virt(in) + i * size, size, 0, 0 };
	return 0;
}

/* Line @id is @p. */
static void port_bind(struct port *p, u32 id)
{
	struct line *l = &con.line[id];

	if (p->out.buf || l->port)
		return;				/* named twice: the first counts */
	if (port_memory(p)) {
		log_error("port %s: out of memory", p->name);
		return;
	}
	p->rx = &l->in;
	p->tx = &l->out;
	p->tx_index = out_queue(id);
	virtq_irq_off(p->tx);
	for (u32 i = 0; i < PORT_BUFFERS; i++)
		buffer_post(p, &p->buffer[i]);
	l->port = p;
	spin_lock(&p->lock);
	p->bound = true;
	spin_unlock(&p->lock);
	control_send(id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	virtio_kick(con.v, in_queue(id));	/* last: QEMU heeds it only at an open port */
}

static void port_named(u32 id, const char *name, size_t n)
{
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		if (strnlen(name, n) == strlen(ports[i]->name) &&
		    !memcmp(name, ports[i]->name, strlen(ports[i]->name))) {
			if (id < con.lines)
				port_bind(ports[i], id);
			else
				log_error("port %s: number %u is above %u", ports[i]->name, id,
					  con.lines - 1);
		}
}

static void control_message(const u8 *data, u32 n)
{
	struct virtio_console_control m;

	if (n < sizeof(m))
		return;
	memcpy(&m, data, sizeof(m));		/* the device may still write to @data */
	switch (m.event) {
	case VIRTIO_CONSOLE_PORT_ADD:
		control_send(m.id, VIRTIO_CONSOLE_PORT_READY, 1);
		break;
	case VIRTIO_CONSOLE_PORT_NAME:
		port_named(m.id, (const char *)data + sizeof(m), n - sizeof(m));
		break;
	case VIRTIO_CONSOLE_PORT_REMOVE:
		if (m.id < con.lines && con.line[m.id].port)
			port_unbind(con.line[m.id].port);
		break;
	}
}

static void control_post(u8 *buffer)
{
	struct vseg seg = { virt_to_phys(buffer), CONTROL_SIZE };

	virtq_add(&con.control_in, &seg, 0, 1, buffer);
}

static void control_receive(void)
{
	bool posted = false;
	u8 *data;
	u32 n;

	while ((data = virtq_take(&con.control_in, &n))) {
		control_message(data, n);
		control_post(data);
		posted = true;
	}
	if (posted && virtq_must_kick(&con.control_in))
		virtio_kick(con.v, CONTROL_IN);
}

/* --- the task --------------------------------------------------------------------------------- */

static void line_serve(struct line *l, u32 id)
{
	struct port *p = l->port;

	if (!p || !p->bound)
		return;
	port_receive(p, in_queue(id));
	spin_lock(&p->lock);
	port_flush(p);
	spin_unlock(&p->lock);
	if (p->rx->broken || p->tx->broken)
		port_unbind(p);
}

/* One round at every wakeup: by the interrupt, or by who has something to send. */
static long console_main(struct co *co, struct task *t)
{
	control_receive();
	for (u32 i = 0; i < con.lines; i++)
		line_serve(&con.line[i], i);
	return PENDING;
}

/* --- start ------------------------------------------------------------------------------------ */

/* All queues must be there before the device may start. */
static long queues_init(struct virtio *v)
{
	long err = virtio_queue(v, &con.control_in, CONTROL_IN, CONTROL_MAX);

	if (!err)
		err = virtio_queue(v, &con.control_out, CONTROL_OUT, MESSAGES);
	for (u32 i = 0; i < con.lines && !err; i++) {
		err = virtio_queue(v, &con.line[i].in, in_queue(i), PORT_BUFFERS);
		if (!err)
			err = virtio_queue(v, &con.line[i].out, out_queue(i), 2);
	}
	return err;
}

static bool all_bound(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		if (!ports[i]->bound)
			return false;
	return true;
}

/* Ask for the ports and wait a while: the next step of booting wants to write to them. */
static void ports_find(struct virtio *v)
{
	u64 end = arch_ticks() + arch_ticks_hz() / 10;

	for (u32 i = 0; i < con.control_in.num; i++)
		control_post(con.received[i]);
	virtio_kick(v, CONTROL_IN);
	control_send(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	do
		control_receive();
	while (!all_bound() && arch_ticks() < end);
	if (!all_bound())
		log_warn("%s: no ports weir.io and weir.ctl", v->name);
}

static long console_probe(struct virtio *v)
{
	long err;

	if (con.v || !(v->features >> VIRTIO_CONSOLE_F_MULTIPORT & 1))
		return -ENODEV;
	con.lines = min(virtio_config(v, offsetof(struct virtio_console_config, max_nr_ports)),
			(u32)LINES);
	err = queues_init(v);
	if (err) {
		virtio_fail(v);
		return err;
	}
	con.v = v;
	panic_hook = report_panic;
	task_init(&con.daemon.task, "virtio_console", DAEMON_FRAMES, console_main, NULL);
	task_keep(&con.daemon.task);
	atomic_store(&v->task, &con.daemon.task);
	virtio_go(v);
	ports_find(v);
	port_wake();
	return 0;
}

const struct virtio_driver virtio_console = {
	.name = "virtio_console",
	.number = VIRTIO_ID_CONSOLE,
	.features = 1ull << VIRTIO_CONSOLE_F_MULTIPORT,
	.probe = console_probe,
};
