import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
export class User {
  @PrimaryGeneratedColumn({ type: 'bigint' }) id: string;
  @Column({ length: 50, unique: true }) username: string;
  @Column({ length: 190, unique: true }) email: string;
  @Column({ name: 'password_hash', length: 100 }) passwordHash: string;
}

@Entity('rooms')
export class Room {
  @PrimaryGeneratedColumn({ type: 'bigint' }) id: string;
  @Column({ length: 120 }) name: string;
  @Column({ name: 'created_by', type: 'bigint' }) createdBy: string;
}

@Entity('room_members')
@Index(['userId', 'roomId'])
export class RoomMember {
  @PrimaryColumn({ name: 'room_id', type: 'bigint' }) roomId: string;
  @PrimaryColumn({ name: 'user_id', type: 'bigint' }) userId: string;
  @ManyToOne(() => Room) @JoinColumn({ name: 'room_id' }) room: Room;
  @ManyToOne(() => User) @JoinColumn({ name: 'user_id' }) user: User;
}

@Entity('messages')
@Index(['roomId', 'id'])
export class Message {
  @PrimaryGeneratedColumn({ type: 'bigint' }) id: string;
  @Column({ name: 'room_id', type: 'bigint' }) roomId: string;
  @Column({ name: 'sender_id', type: 'bigint' }) senderId: string;
  @Column({ type: 'text' }) content: string;
  @Column({ name: 'created_at', type: 'datetime', precision: 3 }) createdAt: Date;
  @ManyToOne(() => Room) @JoinColumn({ name: 'room_id' }) room: Room;
  @ManyToOne(() => User) @JoinColumn({ name: 'sender_id' }) sender: User;
}
