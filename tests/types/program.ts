// What clients write, and what the types must not let them write; tests/test_typescript.py compiles it.
import { io, type Socket } from "socket.io-client";
import type {
  Acknowledgement, Call, ChatAppApiClientToServerEvents, ChatAppApiServerToClientEvents, ChatIoClientToServerEvents,
  ChatIoServerToClientEvents, ClientToServerEvents, ErrorCode, Message, MessageAck, Operations, RealtimeChatClientToServerEvents,
  RealtimeChatServerToClientEvents, Room, ServerToClientEvents, Unacknowledged,
} from "chat-server-types";

type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2) ? true : false;
function holds<Claim extends true>(): Claim | void {}

const socket: Socket<ServerToClientEvents, ClientToServerEvents> & Unacknowledged<ClientToServerEvents> = io("http://127.0.0.1:5000", { auth: { token: "…" } });

// ---------------------------------------------------------------------- what is told

socket.on("newMessage", (message) => {
  holds<Same<typeof message, Message>>();
  const edited: string | null = message.editedAt;
  const kind: "image" | "file" | "voice" | undefined = message.attachments[0]?.kind;
  console.log(edited, kind);
});
socket.on("receive_message", (message) => console.log(message.userId === message.senderId));
socket.on("read_receipt", ({ roomId, messageId, userId, readAt }) => console.log(roomId, messageId, userId, readAt));
socket.on("user_status", ({ lastSeen }) => console.log(lastSeen ?? "never"));
socket.on("callUser", (call) => console.log(call.from, call.callId, call.offer));
socket.on("auth:ok", ({ user }) => console.log(user.email));
socket.on("error", (refusal) => console.log(refusal.code, refusal.event));
// @ts-expect-error there is no such event
socket.on("new_message", () => {});
// @ts-expect-error a message has no such field
socket.on("newMessage", (message) => message.text);

// ---------------------------------------------------------------------- what is said

socket.emit("typing", { roomId: 1, isTyping: true });
socket.emit("send_message", { toUserId: 2, content: "Hello" }, (answer) => {
  holds<Same<typeof answer, Acknowledgement<MessageAck>>>();
  if (answer.ok) console.log(answer.message.id);
  else console.log(answer.code, answer.errors?.content);
});
socket.timeout(1000).emit("read_receipt", { messageId: 3 }, (error, answer) => console.log(error.message, answer.ok));
socket.emit("callUser", { to: 2, offer: { type: "offer", sdp: "…" } });
// @ts-expect-error one receiver only
socket.emit("send_message", { toUserId: 2, roomId: 1, content: "Hello" });
// @ts-expect-error a receiver is missing
socket.emit("send_message", { content: "Hello" });
// @ts-expect-error an id is a number
socket.emitWithAck("read_receipt", { messageId: "3" });
// @ts-expect-error an id is a number
socket.emit("read_receipt", { messageId: "3" });
// @ts-expect-error a field is missing
socket.emit("typing", { roomId: 1 });

export async function catchUp(place: string | number): Promise<Message[]> {
  const answer = await socket.emitWithAck("sync", { after: place, limit: 100 });
  // @ts-expect-error it may not be ok
  console.log(answer.messages);
  if (!answer.ok) throw new Error(answer.message);
  return answer.messages;
}

// ---------------------------------------------------------------------- dialects

const b: Socket<ChatAppApiServerToClientEvents, ChatAppApiClientToServerEvents>
  & Unacknowledged<ChatAppApiClientToServerEvents> = io();
b.on("chat message", ({ sender, timestamp }) => console.log(sender, timestamp));
b.emit("join", 1);
b.emit("chat message", { sender: 1, receiver: 2, content: "Hello" });
const c: Socket<ChatIoServerToClientEvents, ChatIoClientToServerEvents> = io("/chat");
c.on("receive-message", ({ author_name }) => console.log(author_name));
c.emit("send-message", { id: "c-1", content: "Hello" }, (answer) => console.log(answer.ok));
const d: Socket<RealtimeChatServerToClientEvents, RealtimeChatClientToServerEvents> = io();
d.on("user:online", (ids) => holds<Same<typeof ids, number[]>>());
d.emitWithAck("auth:login", { token: "…" }).then((answer) => holds<Same<typeof answer, Acknowledgement>>());

// ---------------------------------------------------------------------- requests

holds<Same<Operations["GET /api/conversations"]["answer"], Room[]>>();
holds<Same<Operations["GET /api/calls"]["answer"], Call[]>>();
holds<Same<Operations["PUT /api/users/{userId}/block"]["answer"], undefined>>();
const body: Operations["POST /api/auth/register"]["body"] = { email: "ann@example.com", password: "secret-1" };
const search: Operations["GET /api/messages/search"]["query"] = { q: "tea", from: 2, sort: "newest" };
const code: ErrorCode = "rate_limited";
// @ts-expect-error there is no such code
const other: ErrorCode = "teapot";
console.log(body, search, code, other);
