import { Body, Controller, HttpCode, Injectable, Post, Req, UseGuards } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsInt, IsString, Length } from 'class-validator';
import { Repository } from 'typeorm';
import { SignedIn } from './accounts.js';
import { Room, RoomMember } from './entities.js';

export class CreateRoomDto {
  @IsString() @Length(1, 120) name: string;
}

export class JoinRoomDto {
  @IsInt() roomId: number;
}

@Injectable()
export class RoomsService {
  constructor(
    @InjectRepository(Room) private readonly rooms: Repository<Room>,
    @InjectRepository(RoomMember) private readonly members: Repository<RoomMember>,
  ) {}

  async create(name: string, userId: string) {
    const room = await this.rooms.save({ name, createdBy: userId });
    await this.join(room.id, userId);
    return room;
  }

  async join(roomId: string, userId: string) {
    await this.members.insert({ roomId, userId });
  }

  isMember(roomId: string, userId: string) {
    return this.members.existsBy({ roomId, userId });
  }

  async idsOf(userId: string) {
    return (await this.members.findBy({ userId })).map((member) => member.roomId);
  }
}

@Controller('api/rooms')
@UseGuards(SignedIn)
export class RoomsController {
  constructor(private readonly rooms: RoomsService) {}

  @Post()
  async create(@Body() { name }: CreateRoomDto, @Req() request: { userId: string }) {
    const room = await this.rooms.create(name, request.userId);
    return { room: { id: Number(room.id), name } };
  }

  @Post('join')
  @HttpCode(200)
  async join(@Body() { roomId }: JoinRoomDto, @Req() request: { userId: string }) {
    await this.rooms.join(String(roomId), request.userId);
    return { room: { id: roomId } };
  }
}
