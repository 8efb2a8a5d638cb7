import { UsePipes, ValidationPipe } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { InjectRepository } from '@nestjs/typeorm';
import {
  ConnectedSocket, MessageBody, OnGatewayConnection, SubscribeMessage, WebSocketGateway, WebSocketServer, WsException,
} from '@nestjs/websockets';
import { IsInt, IsString, Length } from 'class-validator';
import { Server, Socket } from 'socket.io';
import { Repository } from 'typeorm';
import { Message } from './entities.js';
import { RoomsService } from './rooms.js';

export class SendMessageDto {
  @IsInt() roomId: number;
  @IsString() @Length(1, 4000) content: string;
}

@WebSocketGateway({ cors: { origin: '*' } })
@UsePipes(new ValidationPipe({ exceptionFactory: (errors) => new WsException(errors) }))
export class ChatGateway implements OnGatewayConnection {
  @WebSocketServer() server: Server;

  constructor(
    @InjectRepository(Message) private readonly messages: Repository<Message>,
    private readonly rooms: RoomsService,
    private readonly jwt: JwtService,
  ) {}

  // Before it is let in, so that nobody writes, or misses something, who is not in his rooms yet.
  afterInit(server: Server) {
    server.use(async (socket, next) => {
      try {
        socket.data.userId = this.jwt.verify(socket.handshake.auth.token).sub;
        socket.data.rooms = await this.rooms.idsOf(socket.data.userId);
        next();
      } catch {
        next(new Error('unauthorized'));
      }
    });
  }

  handleConnection(socket: Socket) {
    socket.join(socket.data.rooms.map((id: string) => `room:${id}`));
  }

  @SubscribeMessage('send_message')
  async send(@MessageBody() { roomId, content }: SendMessageDto, @ConnectedSocket() socket: Socket) {
    const { userId } = socket.data;
    if (!await this.rooms.isMember(String(roomId), userId)) throw new WsException('not a member');
    const createdAt = new Date();
    const { identifiers } = await this.messages.insert({ roomId: String(roomId), senderId: userId, content, createdAt });
    const message = { id: Number(identifiers[0].id), roomId, senderId: Number(userId), type: 'text', content, createdAt };
    this.server.to(`room:${roomId}`).emit('receive_message', message);
    return { ok: true, message };
  }
}
