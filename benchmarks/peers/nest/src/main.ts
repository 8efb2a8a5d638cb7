// The usual NestJS chat server, written to be compared with: TypeORM with mysql2 and a pool of 10, socket.io, JWT. It
// has what the comparison with peers uses, with the paths, events and payloads of the standard API.
import 'reflect-metadata';
import { Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsController, SignedIn } from './accounts.js';
import { ChatGateway } from './chat.gateway.js';
import { Message, Room, RoomMember, User } from './entities.js';
import { RoomsController, RoomsService } from './rooms.js';

const ENTITIES = [User, Room, RoomMember, Message];

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'mysql', url: process.env.DATABASE_URL, entities: ENTITIES, synchronize: true, charset: 'utf8mb4',
      extra: { connectionLimit: 10 },
    }),
    TypeOrmModule.forFeature(ENTITIES),
    JwtModule.register({ secret: process.env.JWT_SECRET, signOptions: { expiresIn: '24h' } }),
  ],
  controllers: [AccountsController, RoomsController],
  providers: [SignedIn, RoomsService, ChatGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.useGlobalPipes(new ValidationPipe());
await app.listen(Number(process.env.PORT), '127.0.0.1');
