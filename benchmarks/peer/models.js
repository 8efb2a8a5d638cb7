'use strict';
// Tables, keys and indexes: what the operations need, and nothing that slows a write down for nothing.
const { DataTypes, Sequelize } = require('sequelize');

const sequelize = new Sequelize(process.env.DATABASE_URL, {
  dialect: 'mysql', logging: false, pool: { max: 10, min: 10 }, define: { charset: 'utf8mb4', underscored: true },
});

const BIG_ID = { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true };
const to = (model) => ({ type: DataTypes.BIGINT, references: { model, key: 'id' } });

const User = sequelize.define('User', {
  id: BIG_ID,
  username: { type: DataTypes.STRING(50), allowNull: false, unique: true },
  email: { type: DataTypes.STRING(190), allowNull: false, unique: true },
  passwordHash: { type: DataTypes.STRING(100), allowNull: false },
}, { tableName: 'users', updatedAt: false });

const Room = sequelize.define('Room', {
  id: BIG_ID,
  name: { type: DataTypes.STRING(120), allowNull: false },
  createdBy: to('users'),
}, { tableName: 'rooms', updatedAt: false });

const RoomMember = sequelize.define('RoomMember', {
  roomId: { ...to('rooms'), primaryKey: true },
  userId: { ...to('users'), primaryKey: true },
}, { tableName: 'room_members', updatedAt: false, indexes: [{ fields: ['user_id', 'room_id'] }] });

const Message = sequelize.define('Message', {
  id: BIG_ID,
  roomId: to('rooms'),
  senderId: { ...to('users'), allowNull: false },
  receiverId: to('users'),
  content: { type: DataTypes.TEXT, allowNull: false },
  createdAt: { type: DataTypes.DATE(3), allowNull: false },
}, {
  tableName: 'messages',
  timestamps: false,
  indexes: [
    { fields: ['room_id', 'id'] },
    { fields: ['sender_id', 'receiver_id', 'id'] },
    { fields: ['receiver_id', 'sender_id', 'id'] },
  ],
});

RoomMember.belongsTo(User, { foreignKey: 'userId', as: 'user' });
RoomMember.belongsTo(Room, { foreignKey: 'roomId', as: 'room' });

module.exports = { sequelize, User, Room, RoomMember, Message };
