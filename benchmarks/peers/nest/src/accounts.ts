import { Body, CanActivate, Controller, ExecutionContext, Get, Injectable, Post, UnauthorizedException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { InjectRepository } from '@nestjs/typeorm';
import bcrypt from 'bcrypt';
import { IsEmail, IsString, Length } from 'class-validator';
import { Repository } from 'typeorm';
import { User } from './entities.js';

const ROUNDS = Number(process.env.BCRYPT_LOG_ROUNDS || 12);

export class RegisterDto {
  @IsString() @Length(1, 50) username: string;
  @IsEmail() email: string;
  @IsString() @Length(8, 72) password: string;
}

@Injectable()
export class SignedIn implements CanActivate {
  constructor(private readonly jwt: JwtService) {}

  canActivate(context: ExecutionContext) {
    const request = context.switchToHttp().getRequest();
    try {
      request.userId = this.jwt.verify((request.headers.authorization || '').replace(/^Bearer /, '')).sub;
    } catch {
      throw new UnauthorizedException('sign in first');
    }
    return true;
  }
}

@Controller()
export class AccountsController {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly jwt: JwtService,
  ) {}

  @Get('health')
  health() {
    return { ok: true };
  }

  @Post('api/auth/register')
  async register(@Body() { username, email, password }: RegisterDto) {
    const user = await this.users.save({ username, email, passwordHash: await bcrypt.hash(password, ROUNDS) });
    return { token: this.jwt.sign({ sub: user.id }), user: { id: Number(user.id), username, email } };
  }
}
